"""Social marketing on X."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from os.path import dirname
from types import ModuleType

_BESIDE = dirname(dirname(__file__))  # noqa: PTH120  pathlib would cost each command ten milliseconds


class _PackagesBesideThisOne:
    """Finds our other packages: a folder `flows` where a user stands, or on PYTHONPATH, does not take their place."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if path is None and name in {"deployments", "flows", "models", "tasks"}:
            return PathFinder.find_spec(name, [_BESIDE], target)
        return None


sys.meta_path.insert(0, _PackagesBesideThisOne)
