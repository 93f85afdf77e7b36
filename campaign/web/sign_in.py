"""Signing in with X for the pages: begun, remembered in a cookie, finished."""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from campaign.contacts.joining import asks_email, missing
from campaign.db.engine import read_session
from campaign.errors import CampaignError, NotPossible, Refused, ServiceBlocked, WrongUsage, XError
from campaign.limits.spend_cap import check_affordable, paid
from campaign.services import store as services
from campaign.services.check import sentence_of
from campaign.settings import X_API_URL, load_settings
from campaign.web.pages import text_page
from campaign.web.security import forget, keep, kept
from campaign.x.oauth import AppKeys, Declined, Grant, NotOurs, SignIn, sign_in_of
from campaign.x.prices import USER_READ
from campaign.x.types import Person
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
        with read_session() as session:
            return [*services.list_connected(session)]


def what_is_missing(service: Service) -> list[str]:
    """What an operator has to do before people may be asked."""
    settings = load_settings()
    is_simulated = settings.x_api_url != X_API_URL
    return missing(service, settings.public_url, settings.terms_url, settings.privacy_url, is_simulated=is_simulated)


CALLBACK = "/join/callback"
JOIN, LEAVE = "join", "leave"
"""What people sign in for."""
SIGN_IN_SECONDS = 600
"""How long a person may take on X's pages."""
_COOKIE = "sign-in"
_AT_ONCE = 12


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the cookie remembers: why somebody signs in, with whose app, and what belongs to it."""

    purpose: str
    service: Service
    kept: dict[str, str]
    more: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who came back from X, with what X gave."""

    person: Person
    grant: Grant
    sign_in: SignIn

    def revoke(self) -> None:
        """Make the token worthless."""
        _revoke(self.sign_in, self.grant)


class SignIns:
    """The two halves of a sign-in."""

    def __init__(self, outside: Outside, directory: Directory) -> None:
        self._outside = outside
        self._directory = directory
        # X may take its time: those who wait for it are not all the threads that there are.
        self._turns = CapacityLimiter(_AT_ONCE)

    async def in_turn(self, step: Callable[..., Response], *given: Any) -> Response:
        """Take a step that calls X in a thread, together with few others."""
        return await run_sync(step, *given, limiter=self._turns)

    def begin(self, service: Service, purpose: str, more: dict[str, Any]) -> Response:
        """Send the person to X; raises CampaignError."""
        check_affordable(service, USER_READ)
        begun = self._sign_in(service, email=purpose == JOIN).begin(callback_url())
        response = RedirectResponse(begun.url, 303)
        remembered = {"purpose": purpose, "service": service.internal_name, "kept": begun.kept, "more": more}
        keep(response, _COOKIE, remembered, SIGN_IN_SECONDS)
        return response

    def remembered(self, request: Request) -> Remembered | None:
        """What was begun in this browser; None when it was nothing, long ago, or over."""
        found = kept(request, _COOKIE, SIGN_IN_SECONDS)
        service = self._directory.find(found["service"]) if found else None
        return Remembered(found["purpose"], service, found["kept"], found["more"]) if found and service else None

    def complete(self, remembered: Remembered, query: dict[str, str]) -> SignedIn:
        """Take what X sent back; raises CampaignError: Declined, NotOurs, and the others of XError."""
        sign_in = self._sign_in(remembered.service, email=remembered.purpose == JOIN)
        grant = sign_in.complete(remembered.kept, query, callback_url())
        try:
            purpose = f"signing in {secrets.token_hex(4)}"
            person = paid(remembered.service, purpose, USER_READ, lambda: sign_in.who(grant))
        except CampaignError:
            _revoke(sign_in, grant)
            raise
        return SignedIn(person, grant, sign_in)

    def _sign_in(self, service: Service, *, email: bool) -> SignIn:
        keys = self._outside.app_keys(service)
        return sign_in_of(keys, load_settings().x_api_url, asks_email=email and asks_email(service))


def _revoke(sign_in: SignIn, grant: Grant) -> None:
    """Where X is away a token of OAuth 2 dies by itself within two hours."""
    with suppress(CampaignError):
        sign_in.revoke(grant)


def end_sign_in(response: Response) -> Response:
    """Forget what the browser remembered: a sign-in is good for one time."""
    forget(response, _COOKIE)
    return response


def callback_url() -> str:
    """Where X sends people back to; the developer app has to name it."""
    return f"{load_settings().public_url}{CALLBACK}"


def x_origins() -> list[str]:
    """Where the form of a page ends that sends people to X: browsers look at redirects too."""
    base = load_settings().x_api_url
    return [base, base.replace("://api.", "://", 1)] if "://api." in base else [base]


_AGAIN = "Open the link that brought you here again, and begin anew."
_NOTHING = "Nothing was kept."
_words_log = logging.getLogger(__name__)


def unknown_service() -> Response:
    """Nobody of this name asks for anything."""
    return text_page("Nobody asks here", "Look at the address again: perhaps its end is missing.", status=404)


def closed(service: Service, missing: list[str]) -> Response:
    """The page may not be shown yet; what it says is for whoever set it up."""
    title = f"{service.label} does not ask anybody yet"
    return text_page(
        title, "If you run this page: before anybody can share a profile, this is to be done.", *missing, status=503
    )


def not_our_form() -> Response:
    """A form from another page, or one that was open for hours."""
    return text_page(
        "Please try once more", "This form was open for too long, or came from another page.", _AGAIN, status=403
    )


def sign_in_over() -> Response:
    """Somebody came back to a sign-in that was over."""
    return text_page(
        "This sign-in is over", "It was used already, or it took more than ten minutes.", _AGAIN, status=400
    )


def reread() -> Response:
    """What was agreed to is not what is asked now."""
    return text_page(
        "The text has changed", "While you were on X, what this page asks for changed.", _NOTHING, _AGAIN, status=409
    )


def failed(error: CampaignError, *instead: str) -> Response:
    """A sign-in that an error ended; `instead` says what else a person can do."""
    match error:
        case Declined():
            title = "Nothing was shared"
            return text_page(title, "You said no on X, and that is fine.", "If it was a slip, open the link again.")
        case NotOurs():
            title = "This is not your sign-in"
            return text_page(
                title, "What came back from X does not belong to this browser.", _NOTHING, _AGAIN, status=400
            )
        case Refused():
            return text_page("This sign-in is over", str(error), _NOTHING, _AGAIN, status=400)
        case ServiceBlocked() | WrongUsage() | NotPossible():
            _words_log.warning("Nobody can sign in: %s", sentence_of(error) if isinstance(error, XError) else error)
            mended = "Something has to be put right on our side first. Try again tomorrow."
            return text_page("Not possible just now", mended, _NOTHING, *instead, status=503)
    return text_page("X does not answer", "Try again in a few minutes.", _NOTHING, *instead, status=503)
