"""What a process is forked from that is to run a command: everything is imported, nothing begun."""

import atexit
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import campaign.audience.sync
import campaign.broadcasts.send
import campaign.cli.delivery_send
import campaign.cli.service
import campaign.kinds
import campaign.posts.publish  # noqa: F401
from campaign.cli.main import main


def run_forked(script: str, arguments: Sequence[str], environment: Mapping[str, str], said: Sequence[Path]) -> None:
    """Run a script, or the command, as a new process would: this environment, its words in two files, no keyboard."""
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in ((0, Path(os.devnull)), *enumerate(said, start=1)):
        descriptor = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = ["campaign", *arguments]
    try:
        if script:
            exec(script, {"__name__": "__main__"})
        else:
            main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        atexit._run_exitfuncs()  # a process that was forked does not come to them by itself
