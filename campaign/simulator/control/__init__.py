"""The control API under `/control`: plain JSON without keys, for tests, the demo and benchmarks on this machine.

A request that cannot be understood is answered 400 and `{"error": "<one sentence>"}`, and nothing has happened. All
requests are described in docs/simulator.md.
"""

from starlette.routing import Mount

from campaign.simulator.control import accounts, conduct, followers, messages, posts, recipients, sign_ins
from campaign.simulator.control.command import Wrong, refuse
from campaign.simulator.world import World

__all__ = ["Wrong", "refuse", "routes"]


def routes(world: World) -> list[Mount]:
    """Returns the control API over this world."""
    parts = (accounts, followers, posts, messages, recipients, sign_ins, conduct)
    commands = [command for part in parts for command in part.COMMANDS]
    return [Mount("/control", routes=[command.route(world) for command in commands])]
