"""The two real Open WebUI versions we are tested in, installed slim.

Slim means: the untouched wheel of the host, and its own pinned requirements less those that only
serve retrieval, speech and foreign stores. It boots in seconds and weighs a tenth of the full one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from fnmatch import fnmatch
from pathlib import Path

from tests.workshop.shell import ROOT, WorkshopError

# Never imported while the host starts with the settings below.
_HEAVY = (
    "accelerate",
    "azure-ai-documentintelligence",
    "chromadb",
    "colbert-ai",
    "docker",
    "einops",
    "elasticsearch",
    "faster-whisper",
    "firecrawl-py",
    "gcp-storage-emulator",
    "google-api-*",
    "google-auth-*",
    "google-gen*",
    "langfuse",
    "moto",
    "nltk",
    "onnxruntime",
    "opencv-*",
    "pandas",
    "pinecone*",
    "playwright",
    "posthog",
    "psycopg2-binary",
    "pyarrow",
    "pymilvus",
    "pymongo",
    "pytest*",
    "pytube",
    "qdrant-client",
    "rapidocr*",
    "sentence-transformers",
    "sentencepiece",
    "soundfile",
    "tencentcloud-*",
    "transformers",
    "unstructured",
)

# A host in a closed network: it asks nobody, embeds nothing, and takes its settings from here.
_CLOSED_NETWORK = {
    "USE_SLIM_DOCKER": "true",
    "OFFLINE_MODE": "true",
    "HF_HUB_OFFLINE": "1",
    "RAG_EMBEDDING_ENGINE": "openai",
    "BYPASS_EMBEDDING_AND_RETRIEVAL": "true",
    "ENABLE_OLLAMA_API": "false",
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "ENABLE_PERSISTENT_CONFIG": "false",
    "FROM_INIT_PY": "true",
}


@dataclass(frozen=True, eq=False)
class Host:
    """One Open WebUI version: where it is installed, and what it needs to start slim."""

    version: str
    folder: Path
    left_out: tuple[str, ...]
    added: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """The interpreter that has this host."""
        return self.folder / "bin" / "python"

    def slim_environment(self) -> dict[str, str]:
        """Environment variables that start it slim; key, data folder and upstream are the caller's.

        Those are WEBUI_SECRET_KEY, DATA_DIR, OPENAI_API_BASE_URL and OPENAI_API_KEY.
        """
        return {**_CLOSED_NETWORK, **self.environment}

    def requirements(self) -> list[str]:
        """What to install beside the host's wheel, which must be installed already."""
        found = list(self.folder.glob(f"lib/python*/site-packages/open_webui-{self.version}.*"))
        if not found:
            raise WorkshopError(f"Open WebUI {self.version} is not installed in {self.folder}")
        metadata = HeaderParser().parsestr((found[0] / "METADATA").read_text())
        return [*slim(metadata.get_all("Requires-Dist", []), self.left_out), *self.added]


def slim(requirements: Iterable[str], left_out: Iterable[str]) -> list[str]:
    """The requirements of no extra whose name matches none of the patterns."""
    patterns = tuple(left_out)
    return [
        requirement
        for requirement in requirements
        if "extra ==" not in requirement
        and not any(fnmatch(_name(requirement), pattern) for pattern in patterns)
    ]


def _name(requirement: str) -> str:
    """The normalised name at the head of a requirement such as "httpx[http2]==0.28.1"."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


NEWEST = Host(
    version="0.12.4",
    folder=ROOT / ".venv",
    left_out=(*_HEAVY, "azure-search-*", "azure-storage-*", "google-cloud-*", "opensearch-py"),
    # Imported by its command line and its models, and brought in only by what we leave out; and the
    # client of the one vector store that a slim host can have, which comes with an extra.
    added=("typer", "python-dateutil", "pgvector"),
)

# mAI's base. It imports a vector store at start: OpenSearch's client is the lightest of those it
# knows, and connects to nothing until it is used.
OLDEST = Host(
    version="0.6.18",
    folder=ROOT / ".venv-0.6.18",
    left_out=_HEAVY,
    # Imported at start, and brought in only by what we leave out.
    added=(
        "beautifulsoup4",
        "huggingface-hub",
        "itsdangerous",
        "python-dateutil",
        "typer",
        "websocket-client",
    ),
    environment={
        "VECTOR_DB": "opensearch",
        "OPENSEARCH_URI": "http://127.0.0.1:9",
        "OPENSEARCH_USERNAME": "nobody",
        "OPENSEARCH_PASSWORD": "unused",
    },
)

HOSTS = (NEWEST, OLDEST)
