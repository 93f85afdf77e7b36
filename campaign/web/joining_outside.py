"""What the pages that sign people in need from outside, and the services as they are known now."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from campaign.domain.joining import missing
from campaign.errors import CampaignError
from campaign.settings import X_API_URL, load_settings
from campaign.store import services
from campaign.store.engine import reading
from campaign.x.sign_in import AppKeys, Grant
from models import Agreement, Service

_KNOWN_SECONDS = 15.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outside:
    """What is done elsewhere; each of these raises CampaignError when it cannot be done now."""

    services: Callable[[], Sequence[Service]]
    """All services that are saved."""
    app_keys: Callable[[Service], AppKeys]
    hand_over: Callable[[Agreement, Grant], None]
    """Keep a token for the workflow that recovers the profile, and start that."""


class Directory:
    """The services that people can be asked for, asked for anew after a while and not with every visit."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._lock = Lock()
        self._known: dict[str, Service] = {}
        self._until = 0.0

    def find(self, internal_name: str) -> Service | None:
        """The service of this internal name, in any case."""
        return self._services().get(internal_name.lower())

    def open_ones(self) -> list[Service]:
        """The services that ask people now."""
        return [service for service in self._services().values() if not what_is_missing(service)]

    def _services(self) -> dict[str, Service]:
        # One asks and all others go on with what was known: they wait only when nothing is.
        if time.monotonic() >= self._until and self._lock.acquire(blocking=not self._known):
            try:
                if time.monotonic() >= self._until:
                    self._known = {each.internal_name.lower(): each for each in self._asked()}
                    self._until = time.monotonic() + _KNOWN_SECONDS
            finally:
                self._lock.release()
        return self._known

    def _asked(self) -> Sequence[Service]:
        try:
            return self._outside.services()
        except CampaignError as error:
            # Opening a page needs no more than what is in the tables.
            _log.warning("The saved services cannot be read: %s", error)
        with reading() as session:
            return [service for service in services.all_known(session) if service.block_id]


def what_is_missing(service: Service) -> list[str]:
    """What an operator has to do before people may be asked."""
    settings = load_settings()
    is_simulated = settings.x_api_url != X_API_URL
    return missing(service, settings.public_url, settings.terms_url, settings.privacy_url, is_simulated=is_simulated)
