"""What a process is forked from that is to run a command: everything is imported, nothing begun."""

import atexit
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

# A command says this before it imports Prefect, which heeds it then.
with patch.dict(os.environ, PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL"):
    from prefect.context import refresh_global_settings_context

    import flows.account_sync
    import flows.dm_broadcast
    import flows.post_publication  # noqa: F401
    from campaign.cli.main import main


def run_forked(arguments: Sequence[str], environment: Mapping[str, str], said: Sequence[Path]) -> None:
    """Run the command as a new process would: with this environment, its words in two files, nobody at the keyboard."""
    os.environ.clear()
    os.environ.update(environment)
    refresh_global_settings_context()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in ((0, Path(os.devnull)), *enumerate(said, start=1)):
        descriptor = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = ["campaign", *arguments]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        atexit._run_exitfuncs()  # a process that was forked does not come to them by itself
