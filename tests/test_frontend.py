"""The built component in the package is what its sources build to."""

import gzip
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "mai_usage_ext" / "frontend"


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_the_committed_bundle_is_current(tmp_path: Path) -> None:
    done = subprocess.run(
        ["npx", "--no-install", "vite", "build", "--outDir", str(tmp_path / "built")],
        cwd=ROOT / "svelte_components",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(tmp_path / "built") == contents(BUILT), "run `make build` and commit the result"


def test_the_bundle_stays_small() -> None:
    scripts = [content for name, content in contents(BUILT).items() if name.endswith(".js")]
    assert sum(len(gzip.compress(script)) for script in scripts) < 150_000
