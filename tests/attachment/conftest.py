"""A host small enough to lack any seam on demand; the real ones are in ``tests/host``.

It has the modules, names and kinds of function that the meter looks for in Open WebUI, so that a
missing one, a synchronous one, or an in-tree prototype can be had; a real host offers none of them.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MODULES = {
    "__init__.py": "",
    "env.py": (
        "import pathlib\n"
        "STATIC_DIR = pathlib.Path(__file__).parent / 'static'\n"
        "DATABASE_URL = f\"sqlite:///{pathlib.Path(__file__).parent / 'webui.db'}\"\n"
    ),
    "static/loader.js": "// the host's own loader\n",
    "utils/__init__.py": "",
    "utils/auth.py": (
        "from types import SimpleNamespace\n"
        "from fastapi import Depends, HTTPException, Request\n"
        "def get_current_user(request: Request):\n"
        "    user_id = request.headers.get('x-user')\n"
        "    if not user_id:\n"
        "        raise HTTPException(401, 'Not authenticated')\n"
        "    return SimpleNamespace(id=user_id, role='admin' if user_id == 'admin' else 'user')\n"
        "def get_verified_user(user=Depends(get_current_user)):\n"
        "    return user\n"
        "def get_admin_user(user=Depends(get_current_user)):\n"
        "    return user\n"
    ),
    "utils/chat.py": (
        "async def generate_openai_chat_completion(request, form_data, user, **kwargs):\n"
        "    return await request.app.state.complete()\n"
    ),
    "models/__init__.py": "",
    "models/users.py": (
        "from types import SimpleNamespace\n"
        "class People:\n"
        "    async def get_users_by_user_ids(self, ids):\n"
        "        return [SimpleNamespace(id=one, name=one, email='') for one in ids]\n"
        "    async def get_users(self, filter=None, skip=None, limit=None):\n"
        "        return {'users': [], 'total': 0}\n"
        "Users = People()\n"
    ),
    "models/groups.py": (
        "class Memberships:\n"
        "    async def get_groups_by_member_id(self, user_id):\n"
        "        return []\n"
        "Groups = Memberships()\n"
    ),
    "main.py": (
        "from contextlib import asynccontextmanager\n"
        "from fastapi import Depends, FastAPI, Request\n"
        "from fastapi.staticfiles import StaticFiles\n"
        "from starlette.responses import PlainTextResponse\n"
        "from open_webui.utils import auth, chat\n"
        "@asynccontextmanager\n"
        "async def lifespan(app):\n"
        "    app.state.is_up = True\n"
        "    yield\n"
        "    app.state.is_up = False\n"
        "app = FastAPI(lifespan=lifespan)\n"
        "@app.post('/api/chat/completions')\n"
        "async def completions(request: Request, user=Depends(auth.get_verified_user)):\n"
        "    body = await request.json()\n"
        "    return await chat.generate_openai_chat_completion(\n"
        "        request=request, form_data=body, user=user)\n"
        "async def page(scope, receive, send):\n"
        "    await PlainTextResponse('the page')(scope, receive, send)\n"
        "app.mount('/', page)\n"
    ),
}


@pytest.fixture
def make_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Build and import the host, with ``more`` files and without the name ``less``."""
    _forget()

    def make(*, more: dict[str, str] | None = None, less: str = "") -> Any:
        for name, source in {**MODULES, **(more or {})}.items():
            file = tmp_path / "open_webui" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source.replace(less, "unnamed") if less else source)
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        return importlib.import_module("open_webui.main").app

    yield make
    _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "open_webui"]:
        del sys.modules[name]
