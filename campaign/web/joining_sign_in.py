"""Signing in with X: begun with a cookie that remembers everything, ended by who came back with it. Stores nothing."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from campaign.domain.joining import asks_email
from campaign.domain.profiles import Person
from campaign.errors import CampaignError
from campaign.settings import load_settings
from campaign.store.paid_calls import check_affordable, paid
from campaign.web.joining_outside import Directory, Outside
from campaign.web.security_forms import forget, keep, kept
from campaign.x.prices import USER_READ
from campaign.x.sign_in import Grant, SignIn, sign_in_of
from models import Service

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


def over(response: Response) -> Response:
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
