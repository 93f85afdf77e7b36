"""The pages for the public and the reports, as a process of their own."""

from collections.abc import Iterator
from contextlib import contextmanager

from campaign.settings import Settings
from deployments.environment import child_environment
from deployments.processes import Process, running


@contextmanager
def running_web(settings: Settings, api_url: str, port: int) -> Iterator[Process]:
    """Serve the pages at a port of this machine; they are started again when they die, and end with the block."""
    environment = child_environment(settings) | {"PREFECT_API_URL": api_url}
    command = ["campaign.cli", "web", "--port", str(port)]
    with running(settings, "web", command, environment, restarted=True) as process:
        yield process
