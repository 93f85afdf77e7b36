"""The desk of a service, and what people wrote to it."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Event

import pendulum

from campaign.domain.quiet_hours import QuietHours, parse_quiet_hours
from campaign.errors import NotPossible, XError
from campaign.settings import load_settings
from campaign.store.claims import Claim, claim
from models import MessageState, Service
from tasks.desk import Desk, Letter
from tasks.inbox import read_inbox
from tasks.marking import opt_out_words
from tasks.services import check_service, gateway_of

OnChange = Callable[[int, Counter[MessageState]], None]
#: Set when the run is to end: what is being called is finished, and nothing more is sent.
STOPPING = Event()
#: With such keys X lets nobody read or write messages.
NO_MESSAGES = frozenset({"read", "read-write"})


def _ignore(*_: object) -> None:
    """Nobody watches."""


def desk_of(
    service: Service, letters: dict[int, Letter], on_change: OnChange = _ignore, log: Callable[[str], None] = _ignore
) -> Desk:
    """Everything that sending for a service needs."""
    settings = load_settings()
    return Desk(
        gateway=gateway_of(service),
        service=service,
        letters=letters,
        clock=lambda: pendulum.now("UTC"),
        settle_after=timedelta(seconds=settings.settle_seconds),
        inbox_every=timedelta(seconds=settings.inbox_seconds),
        words=opt_out_words(),
        quiet=quiet_hours_of(service),
        is_stopped=STOPPING.is_set,
        on_change=on_change,
        log=log,
    )


def quiet_hours_of(service: Service) -> QuietHours | None:
    """When a service sends nothing."""
    return parse_quiet_hours(service.quiet_hours, service.timezone or load_settings().timezone)


def hear(service: Service) -> None:
    """Check the keys of a service and read what people wrote to it, where that is due: who agreed, who wants no more.

    What keeps it from that is kept on its row or found again before anything is sent: nothing is raised.
    """
    with suppress(XError, NotPossible):
        checked = check_service.fn(service)
        if checked.access_level not in NO_MESSAGES:
            with claim(checked.id, checked.internal_name, Claim.MESSAGES):
                read_inbox(desk_of(checked, {}))
