"""On the path of a host's Python, this puts mAI's in-tree metering into it, by name alone."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

_NAME = "open_webui.utils.openrouter_client_manager"


class _Planted:
    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != _NAME:
            return None
        return importlib.util.spec_from_file_location(name, Path(__file__).with_name("manager.py"))


sys.meta_path.insert(0, _Planted)  # type: ignore[arg-type]
