"""People who sign in with an app: what was asked of them, what they granted, and which tokens are alive.

docs.x.com/fundamentals/authentication: a code is good for 30 seconds, an OAuth 2.0 token for two hours, one of OAuth
1.0a until it is revoked.
"""

import time
from dataclasses import dataclass, field
from enum import StrEnum

from campaign.simulator.accounts import Account, random_text

CODE_SECONDS, TOKEN_SECONDS = 30.0, 7_200.0
READING = frozenset({"users.read", "tweet.read"})
"""The scopes without which no profile is read."""
EMAIL = "users.email"


class Stage(StrEnum):
    """Where a sign-in stands."""

    AGREED = "agreed"
    """The app has a code or verifier, and no token for it yet."""
    ALIVE = "alive"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Question:
    """What an app asks a user on the consent screen; `owner` is the brand that owns the app.

    With OAuth 1.0a `token` and `secret` are the request token; with OAuth 2.0 there are scopes, state and challenge.
    """

    owner: Account
    callback: str
    scopes: tuple[str, ...] = ()
    state: str = ""
    challenge: str = ""
    token: str = ""
    secret: str = ""
    is_read_only: bool = False
    """Whether the app asked for less than it may do."""


@dataclass
class Grant:
    """The yes of the user `number`; `code` is what the app exchanges for the token, once."""

    question: Question
    number: int
    code: str = field(default_factory=lambda: random_text(48))
    made: float = field(default_factory=time.time)
    token: str = ""
    secret: str = ""
    """Of an OAuth 1.0a token; empty with OAuth 2.0."""
    ends: float | None = None
    """When the code, later the token is good no more."""
    revoked: bool = False

    @property
    def stage(self) -> Stage:
        """Returns where it stands now."""
        if self.revoked:
            return Stage.REVOKED
        if self.ends is not None and self.ends <= time.time():
            return Stage.EXPIRED
        return Stage.ALIVE if self.token else Stage.AGREED

    @property
    def is_oauth2(self) -> bool:
        """Returns whether it came about with OAuth 2.0."""
        return not self.question.token

    @property
    def gives_email(self) -> bool:
        """Returns whether the app may read the address: with OAuth 1.0a that is a setting of the app, taken as made."""
        return not self.is_oauth2 or EMAIL in self.question.scopes


class SignIns:
    """All of them; `code_seconds` and `token_seconds` are for those to come."""

    def __init__(self) -> None:
        self.code_seconds, self.token_seconds = CODE_SECONDS, TOKEN_SECONDS
        self.grants: list[Grant] = []
        self._asked: dict[str, Question] = {}
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}

    def ask(self, question: Question) -> None:
        """Saves a request token of OAuth 1.0a."""
        self._asked[question.token] = question

    def asked(self, token: str) -> Question | None:
        """Returns what the app asked for with this request token."""
        return self._asked.get(token)

    def agree(self, question: Question, number: int) -> Grant:
        """Grants what was asked, in the name of the user."""
        grant = Grant(question, number)
        if grant.is_oauth2:
            grant.ends = grant.made + self.code_seconds
        self.grants.append(grant)
        self._codes[grant.code] = grant
        return grant

    def refuse(self, question: Question) -> None:
        """Ends a question with a no: a request token is good no more."""
        self._asked.pop(question.token, None)

    def coming(self, code: str) -> Grant | None:
        """Returns the grant that waits for this code or verifier."""
        grant = self._codes.get(code)
        return grant if grant is not None and grant.stage is Stage.AGREED else None

    def exchange(self, grant: Grant, user_id: str) -> None:
        """Gives out the token; the code, and a request token, are used up."""
        del self._codes[grant.code]
        self._asked.pop(grant.question.token, None)
        if grant.is_oauth2:
            grant.token, grant.ends = random_text(90), time.time() + self.token_seconds
        else:
            grant.token, grant.secret = f"{user_id}-{random_text(40)}", random_text(45)
        self._tokens[grant.token] = grant

    def alive(self, token: str) -> Grant | None:
        """Returns the grant of this token, while it is good."""
        grant = self._tokens.get(token)
        return grant if grant is not None and grant.stage is Stage.ALIVE else None
