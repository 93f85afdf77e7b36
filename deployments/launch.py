"""Runs a command of Prefect, such as `python -m deployments.launch [--after FILE] server|worker start ...`.

It reads the secrets of Prefect that are in files, sets the format of its logs, imports the modules of the command
without garbage collection, and then waits until the file exists, if one is named.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

#: Modules that each command imports only when it runs.
_MODULES = {
    "server": ("prefect.cli.server", "prefect.server.api.server"),
    "worker": ("prefect.cli.worker", "prefect.workers.process"),
}


def main() -> None:
    """Imports the modules of the command and becomes it."""
    # As the command does: what server, worker and runs write holds personal data.
    os.umask(0o077)
    file = None
    if sys.argv[1:2] == ["--after"]:
        file = Path(sys.argv[2])
        del sys.argv[1:3]
    app = load_app("".join(sys.argv[1:2]))
    while file and not file.exists():
        time.sleep(0.05)
    app()


def load_app(command: str) -> Callable[[], Any]:
    """Imports Prefect's commands, and the modules that this one needs."""
    with without_garbage_collection():
        from campaign.errors import WrongUsage
        from campaign.settings import load_settings
        from deployments.processes import adopt_secret_files, log_environment

        try:
            adopt_secret_files()
            os.environ |= log_environment(load_settings())
        except WrongUsage as error:
            sys.exit(str(error))
        import prefect.cli

        for module in _MODULES.get(command, ()):
            import_module(module)
    return prefect.cli.app


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Turns garbage collection off for imports, which takes a tenth of their time and finds nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    main()
