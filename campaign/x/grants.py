"""A person's yes to an app on X's consent screen, and the two ways it does not come."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from pydantic import SecretStr

from campaign.domain.profiles import Person, Profile
from campaign.domain.receipt import Answer
from campaign.errors import Refused


@dataclass(frozen=True, slots=True)
class AppKeys:
    """The keys of a developer app; without the last two, people sign in with OAuth 1.0a. The repr shows nothing."""

    consumer_key: SecretStr = field(repr=False)
    consumer_secret: SecretStr = field(repr=False)
    client_id: SecretStr = field(default=SecretStr(""), repr=False)
    client_secret: SecretStr = field(default=SecretStr(""), repr=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way: the person goes to `url`; `kept` waits in that person's browser, readable by nobody else."""

    url: str = field(repr=False)
    kept: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A token in the name of the person who agreed, good for two hours with OAuth 2. The repr shows only the scopes."""

    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)
    """Empty with OAuth 2."""
    scopes: str
    """As X granted them, with blanks between; `oauth1` with OAuth 1.0a, which knows none."""

    def as_json(self) -> dict[str, str]:
        """The grant for a store of secrets."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Grant":
        """The grant that `as_json` gave."""
        return cls(stored["access_token"], stored["access_token_secret"], stored["scopes"])


class Declined(Refused):
    """The person said no on X's consent screen."""

    def __init__(self) -> None:
        super().__init__("The person did not agree.", reason="declined")


class NotOurs(Refused):
    """What came back from X does not belong to the sign-in that was begun in this browser."""

    def __init__(self) -> None:
        super().__init__("This sign-in was not begun here: begin again.", reason="not_ours")


class SignIn(Protocol):
    """How people sign in with one app. Every verb but `begin` with OAuth 2 calls X, and raises XError.

    Refused with reason `sign_in_over`: X takes the code or the token no more, because it came late or a second time,
    or the person took it back. ServiceBlocked: the app cannot do this before its operator acts. Unsent and Uncertain:
    X is away.
    """

    def begin(self, callback_url: str) -> Begun:
        """A new sign-in, after which X sends the person to `callback_url`, which the app must have registered."""
        ...

    def complete(self, kept: Mapping[str, str], query: Mapping[str, str], callback_url: str) -> Grant:
        """What was granted: `query` is what came to `callback_url`. Raises Declined and NotOurs, too."""
        ...

    def who(self, grant: Grant) -> Answer[Person]:
        """Who granted it; one user read."""
        ...

    def profile(self, grant: Grant) -> Answer[Profile]:
        """Everything X tells of the person; one user read."""
        ...

    def revoke(self, grant: Grant) -> None:
        """Make the token worthless; harmless when it is so already."""
        ...
