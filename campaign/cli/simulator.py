"""`campaign simulator`: a local X to try things on."""

from typing import Annotated

import typer

from campaign.errors import WrongUsage


def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8085,
) -> None:
    """Serve a simulated X on this machine, empty at first, until Ctrl-C; see docs/simulator.md."""
    from campaign.simulator.server import serve

    try:
        serve(port=port)
    except OSError as error:
        raise WrongUsage(f"{error.strerror} Choose another --port.") from None
