"""Signing in with X for the pages: what people are asked to share, and the sign-in itself.

It is begun, remembered in a cookie, and finished; pages say how it ended.
"""

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pendulum
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from limits import RateLimitItemPerHour
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from campaign.db.engine import read_session
from campaign.errors import CampaignError, NotPossible, Refused, ServiceBlocked, WrongUsage
from campaign.limits.spend_cap import SIGN_IN_PURPOSE, check_sign_in_affordable, paid
from campaign.services import store as services
from campaign.services.store import app_keys_of
from campaign.settings import X_API_URL, load_settings
from campaign.web.pages import delete_cookie, read_cookie, save_cookie, text_page, visitor_of
from campaign.x.oauth import AppKeys, Declined, Grant, NotOurs, SignIn, sign_in_of
from campaign.x.types import USER_READ, Person
from models import ReconciledBy, Service

_SHARED = (
    "Your name and handle on X, and the number of your account",
    "What your profile says: description, location, website and picture",
    "Since when you are on X, your language if X knows it, and whether your account is verified",
    "How many people follow you, and how many posts you wrote",
)
_EMAIL = "The email address that you confirmed on X"
_OUTSIDE_X = frozenset({ReconciledBy.EMAIL.value, ReconciledBy.USERNAME.value})


@dataclass(frozen=True, slots=True)
class Asked:
    """The question of the page."""

    label: str
    handle: str
    purpose: str
    shared: tuple[str, ...]
    box: str
    link_box: str
    """The text of the second box; empty where nothing would be linked."""
    terms_url: str
    privacy_url: str

    @property
    def text(self) -> str:
        """Returns the whole question, as it is saved with an agreement."""
        lines = [
            f"{self.label} (@{self.handle}) asks you to share your X profile.",
            "What is shared:",
            *(f"- {item}." for item in self.shared),
            f"What it is for: {self.purpose}",
            f"[ ] {self.box}",
            *([f"[ ] {self.link_box}"] if self.link_box else []),
            f"Terms: {self.terms_url or 'none'}",
            f"Privacy policy: {self.privacy_url or 'none'}",
        ]
        return "\n".join(lines)

    @property
    def version(self) -> str:
        """Returns the fingerprint of the text."""
        return sha256(self.text.encode()).hexdigest()


def asked_by(service: Service, terms_url: str, privacy_url: str) -> Asked:
    """Returns the question of a service."""
    known_by = {key.strip() for key in service.reconciliation.split(",")}
    return Asked(
        label=service.label,
        handle=service.x_username or service.internal_name,
        purpose=service.join_purpose,
        shared=(*_SHARED, _EMAIL) if asks_email(service) else _SHARED,
        box=f"I agree that {service.label} gets this from X and uses it for what is written above.",
        link_box=(
            f"{service.label} may also link my X profile to what it knows about me from elsewhere."
            if known_by & _OUTSIDE_X
            else ""
        ),
        terms_url=terms_url,
        privacy_url=privacy_url,
    )


def asks_email(service: Service) -> bool:
    """Returns whether people are asked for their email address: only OAuth 2 can."""
    return service.asks_email and service.has_oauth2


def missing(service: Service, public_url: str, terms_url: str, privacy_url: str, *, is_simulated: bool) -> list[str]:
    """Returns the settings that are missing for the page, a sentence each; a simulated X needs no terms."""
    settings = {
        "Set CAMPAIGN_PUBLIC_URL to the public address of these pages.": public_url,
        "Set CAMPAIGN_TERMS_URL to the address of your terms.": terms_url or is_simulated,
        "Set CAMPAIGN_PRIVACY_URL to the address of your privacy policy.": privacy_url or is_simulated,
        f"Fill in the field Purpose of sharing of the service {service.internal_name}.": service.join_purpose,
    }
    return [sentence for sentence, is_set in settings.items() if not is_set]


CALLBACK = "/join/callback"
JOIN, LEAVE = "join", "leave"
"""The purposes of a sign-in."""
SIGN_IN_SECONDS = 600
"""How long a person may take on X's pages."""
_COOKIE = "sign-in"
#: Sign-ins of one network, which may be an office: more than people need, fewer than would cost much. Leaving is free.
_FROM_A_NETWORK = {
    JOIN: RateLimitItemPerHour(20, namespace=JOIN),
    LEAVE: RateLimitItemPerHour(200, namespace=LEAVE),
}
#: X may take its time: the calls that wait for it do not take all the threads there are.
_calls = CapacityLimiter(12)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A sign-in as the cookie remembers it: its purpose, the service whose app it uses, and what belongs to it."""

    purpose: str
    service: Service
    kept: dict[str, str]
    more: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person who came back from X, with what X gave."""

    person: Person
    grant: Grant
    sign_in: SignIn

    def revoke(self) -> None:
        """Makes the token worthless; where X is away, a token of OAuth 2 expires by itself within two hours."""
        with suppress(CampaignError):
            self.sign_in.revoke(self.grant)


async def call_x(step: Callable[..., Response], *arguments: Any) -> Response:
    """Runs a step that calls X in a thread, together with few others."""
    return await run_sync(step, *arguments, limiter=_calls)


def find_service(internal_name: str) -> Service | None:
    """Finds a connected service by its internal name, in any case."""
    with read_session() as session:
        service = services.find(session, internal_name)
    return service if service and service.is_connected else None


def open_services() -> list[Service]:
    """Lists the services that ask people to share their profile now."""
    with read_session() as session:
        return [service for service in services.list_connected(session) if not missing_setup(service)]


def missing_setup(service: Service) -> list[str]:
    """Lists what an operator has to do before people may be asked."""
    settings = load_settings()
    is_simulated = settings.x_api_url != X_API_URL
    return missing(service, settings.public_url, settings.terms_url, settings.privacy_url, is_simulated=is_simulated)


def begin(request: Request, service: Service, purpose: str, more: dict[str, Any], *instead: str) -> Response:
    """Sends the person to X; raises CampaignError. `instead` says what else a person can do."""
    if not request.app.state.limiter.hit(_FROM_A_NETWORK[purpose], visitor_of(request.scope)):
        return too_many("Many people signed in from your network. Try again in an hour.", *instead)
    if purpose == JOIN:
        check_sign_in_affordable(service, USER_READ, pendulum.now("UTC"))
    begun = _sign_in(service, purpose).begin(callback_url())
    response = RedirectResponse(begun.url, 303)
    remembered = {"purpose": purpose, "service": service.internal_name, "kept": begun.kept, "more": more}
    save_cookie(response, _COOKIE, remembered, SIGN_IN_SECONDS)
    return response


def read_remembered(request: Request) -> Remembered | None:
    """Reads what was begun in this browser; None where nothing was, or it was too long ago."""
    found = read_cookie(request, _COOKIE, SIGN_IN_SECONDS)
    service = find_service(found["service"]) if found else None
    return Remembered(found["purpose"], service, found["kept"], found["more"]) if found and service else None


def complete(remembered: Remembered, query: dict[str, str]) -> SignedIn:
    """Takes what X sent back; raises CampaignError: Declined, NotOurs, and the others of XError."""
    sign_in = _sign_in(remembered.service, remembered.purpose)
    grant = sign_in.complete(remembered.kept, query, callback_url())
    if grant.person:
        return SignedIn(grant.person, grant, sign_in)
    try:
        # Again: many may have gone to X before the first of them came back.
        check_sign_in_affordable(remembered.service, USER_READ, pendulum.now("UTC"))
        purpose = f"{SIGN_IN_PURPOSE} {secrets.token_hex(4)}"
        person = paid(remembered.service, purpose, USER_READ, lambda: sign_in.who(grant))
    except CampaignError:
        with suppress(CampaignError):
            sign_in.revoke(grant)
        raise
    return SignedIn(person, grant, sign_in)


def _sign_in(service: Service, purpose: str) -> SignIn:
    keys, url = app_keys_of(service), load_settings().x_api_url
    if purpose == LEAVE:
        # Free with OAuth 1.0a, where X names the person with the token: no spend cap ever prevents a withdrawal.
        return sign_in_of(AppKeys(keys.consumer_key, keys.consumer_secret), url, asks_email=False)
    return sign_in_of(keys, url, asks_email=asks_email(service))


def end(response: Response) -> Response:
    """Deletes what the browser remembered: a sign-in is good for one time."""
    delete_cookie(response, _COOKIE)
    return response


def callback_url() -> str:
    """Returns where X sends people back to; the developer app has to name it."""
    return f"{load_settings().public_url}{CALLBACK}"


def x_origins() -> list[str]:
    """Returns where the form of a page ends that sends people to X: browsers check redirects too."""
    base = load_settings().x_api_url
    return [base, base.replace("://api.", "://", 1)] if "://api." in base else [base]


_AGAIN = "Open the link that brought you here again, and start over."
_NOTHING = "Nothing was saved."


def closed(missing: list[str]) -> Response:
    """Renders the page that lists for its operator what is missing before it may be shown."""
    first = "If you run this page: before people can share a profile, this is missing."
    return text_page("This page is not open yet", first, *missing, status=503)


def not_our_form() -> Response:
    """Renders the answer to a form from another page, or one that was open for hours."""
    sentence = "This form was open for too long, or came from another page."
    return text_page("Please try once more", sentence, _AGAIN, status=403)


def over() -> Response:
    """Renders the answer to a person who came back to a sign-in that was over."""
    sentence = "It was used already, or it took more than ten minutes."
    return text_page("This sign-in is over", sentence, _AGAIN, status=400)


def text_changed() -> Response:
    """Renders the answer to a person who agreed to a text that has changed meanwhile."""
    sentence = "While you were on X, what this page asks for changed."
    return text_page("The text has changed", sentence, _NOTHING, _AGAIN, status=409)


def too_many(sentence: str, *instead: str) -> Response:
    """Renders the answer to more sign-ins than one network or one person needs."""
    headers = {"Retry-After": "3600"}
    return text_page("Too many sign-ins", sentence, _NOTHING, *instead, status=429, headers=headers)


def failed(error: CampaignError, *instead: str) -> Response:
    """Renders the page for a sign-in that an error ended; `instead` says what else a person can do."""
    match error:
        case Declined():
            sentence = "You declined on X, and that is fine."
            return text_page("Nothing was shared", sentence, "If it was a mistake, open the link again.")
        case NotOurs():
            sentence = "What came back from X does not belong to this browser."
            return text_page("This is not your sign-in", sentence, _NOTHING, _AGAIN, status=400)
        case Refused():
            return text_page("This sign-in is over", str(error), _NOTHING, _AGAIN, status=400)
        case ServiceBlocked() | WrongUsage() | NotPossible():
            reason = error.sentence
            _log.warning("People cannot sign in: %s", reason)
            sentence = "Something has to be fixed on our side first. Try again tomorrow."
            return text_page("Not possible just now", sentence, _NOTHING, *instead, status=503)
    return text_page("X does not answer", "Try again in a few minutes.", _NOTHING, *instead, status=503)
