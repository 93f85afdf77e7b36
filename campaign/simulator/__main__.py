"""`python -m campaign.simulator`: an empty X on this machine, until interrupted."""

import sys
from argparse import ArgumentParser

from campaign.simulator.server import serve


def main() -> None:
    """Serves where the arguments say until Ctrl-C; a port in use is one line on stderr and exit status 1."""
    parser = ArgumentParser(prog="python -m campaign.simulator", description="An empty X on this machine.")
    parser.add_argument("--port", type=int, default=8085)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    try:
        serve(arguments.host, arguments.port)
    except OSError as error:
        sys.exit(error.strerror)
    except KeyboardInterrupt:
        return  # how it is meant to end


if __name__ == "__main__":
    main()
