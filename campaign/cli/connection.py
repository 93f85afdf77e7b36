"""What commands that need Prefect do first."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from campaign.settings import load_settings


@contextmanager
def connected_to_prefect() -> Iterator[None]:
    """Prepare the database and have a Prefect server, the running one or one for the duration of the command."""
    from deployments.environment import adopt
    from deployments.server import connected

    # Commands report by themselves; Prefect's log lines stay in the UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    settings = load_settings()
    from campaign.store import schema

    schema.make_ready()
    adopt(settings)
    with connected(settings):
        yield
