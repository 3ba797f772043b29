"""Finds and imports handler modules, whose import registers their handlers."""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from workflow.errors import ConfigurationError

DEFAULT_PACKAGE = "handlers"


def load_handlers(modules: Sequence[str]) -> list[str]:
    """Imports ``modules``, or every module of the ``handlers`` package; returns their names.

    A module is named as in an import (``handlers.fire``) or by its file (``mine/flood.py``). The
    current folder is on the path, as it is for a script.

    Raises:
        ConfigurationError: there is no such module.
        Exception: whatever the import itself raises.
    """
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    names = list(modules) or _found_in_default_package()
    for name in names:
        if not name:
            raise ConfigurationError("a handler module has an empty name")
        if name.endswith(".py") or "/" in name:
            _import_file(Path(name))
        else:
            _import_name(name)
    return names


def _found_in_default_package() -> list[str]:
    try:
        package = importlib.import_module(DEFAULT_PACKAGE)
    except ModuleNotFoundError as error:
        if error.name != DEFAULT_PACKAGE:
            raise
        raise ConfigurationError(
            f"there is no package {DEFAULT_PACKAGE!r} in {Path.cwd()}: name the modules that hold "
            f"your handlers, or run this where that folder is"
        ) from None
    return [f"{DEFAULT_PACKAGE}.{each.name}" for each in pkgutil.iter_modules(package.__path__)]


def _import_name(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise ConfigurationError(
            f"there is no module {name!r}: name it as in an import (handlers.fire), or give its "
            f"file (handlers/quicksort.py)"
        ) from None


def _import_file(path: Path) -> None:
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder; name it as in an import: {_dotted(path)}")
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None:
        if Path(getattr(loaded, "__file__", None) or "").resolve() == path.resolve():
            return
        raise ConfigurationError(
            f"{path}: there is another module named {name!r} already; give the file another name"
        )
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _dotted(path: Path) -> str:
    return ".".join(part for part in path.parts if part not in (".", "/"))
