"""Automations on the server: made once, brought up to date, and enabled or not as people left them."""

from contextlib import suppress

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import PrefectHTTPStatusError


def keep(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """Make or update an automation; there is one of its name however often and by how many this is called."""
    if not client.read_automations_by_name(wanted.name):
        client.create_automation(wanted)
    # Two who made it at the same time agree on which one stays.
    first, *others = sorted(client.read_automations_by_name(wanted.name), key=lambda one: one.id)
    for other in others:
        with suppress(PrefectHTTPStatusError):  # the other one deletes it too
            client.delete_automation(other.id)
    if not _is_same(first, wanted):  # an update forgets what is being watched
        client.update_automation(first.id, wanted.model_copy(update={"enabled": first.enabled}))


def _is_same(one: Automation, other: AutomationCore) -> bool:
    return all(getattr(one, part) == getattr(other, part) for part in ("description", "trigger", "actions"))
