"""Work that a command does: as a flow run that the UI shows where a server runs, and otherwise here and now."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from campaign.settings import load_settings


@contextmanager
def server_in_use() -> Iterator[bool]:
    """Uses the Prefect server of this home, or the one that PREFECT_API_URL names; gives whether there is one.

    Prefect is imported only where there is one.
    """
    from deployments.processes import adopt
    from deployments.server import check_version, drain_prefect, server_of, used_by_prefect

    settings = load_settings()
    api_url = server_of(settings)
    if api_url is None:
        yield False
        return
    check_version(api_url)
    # Commands report by themselves; Prefect's log lines stay in the UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    adopt(settings)
    with used_by_prefect(api_url):
        try:
            yield True
        finally:
            drain_prefect()


def run_flow(flow: Callable[..., Any], *args: Any, no_wait: bool = False, **parameters: Any) -> Any:
    """Runs a flow in this process and returns its last state, whatever that is."""
    from prefect import tags
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from tasks.continuation import NO_WAIT

    # A run without a deployment needs no heartbeat, and waiting for its last one takes up to a second.
    without_heartbeat = temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with without_heartbeat, tags(*[NO_WAIT] if no_wait else []):
        return flow(*args, return_state=True, **parameters)
