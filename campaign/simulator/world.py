"""The state of the simulated X. Everything that changes it goes through here, so that no cached page is stale."""

from collections import deque
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from campaign.simulator.accounts import Account, make_app, make_keys
from campaign.simulator.calls import Call, new_log
from campaign.simulator.faults import Faults
from campaign.simulator.limits import Limits
from campaign.simulator.media import Care, Media
from campaign.simulator.messages import Messages
from campaign.simulator.odd_answers import OddTokens
from campaign.simulator.pages import PageCache
from campaign.simulator.people import People
from campaign.simulator.persons import Subscription, User
from campaign.simulator.posts import Posts
from campaign.simulator.sign_ins import SignIns
from campaign.simulator.snowflakes import Snowflakes
from campaign.simulator.tokens import Tokens

EXPANSIONS_AS_FIELDS = False
PRICES: dict[str, Any] = {
    "eventTypePricing": {"Post": 0.005, "User": 0.01, "DirectMessage": 0.01, "Like": 0.001, "Follow": 0.01},
    "requestTypePricing": {
        "ContentCreate": 0.015,
        "ContentManage": 0.005,
        "DmInteractionCreate": 0.015,
        "InteractionDelete": 0.01,
        "MediaMetadata": 0.005,
        "UserInteractionCreate": 0.015,
    },
    "defaultCost": 0,
}
"""X's list of prices, as far as it concerns the calls that are simulated."""


class Spelling(StrEnum):
    """X renamed posts in its fields in August 2026: tweet_count or post_count."""

    OLD = "old"
    NEW = "new"


@dataclass
class World:
    """Accounts, people, and how X behaves at the moment. Used by one event loop only, hence without locks."""

    people: People = field(default_factory=People)
    accounts: dict[int, Account] = field(default_factory=dict)
    apps: dict[str, dict[str, Account]] = field(default_factory=dict)
    """The accounts of each app, by their access tokens, by its consumer key."""
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    tokens: Tokens = field(default_factory=Tokens)
    odd_tokens: OddTokens = field(default_factory=OddTokens)
    pages: PageCache = field(default_factory=PageCache)
    calls: deque[Call] = field(default_factory=new_log)
    spelling: Spelling = Spelling.OLD
    only: bool = False
    """Whether X knows the vocabulary of `spelling` only, and drops the other one silently."""
    strict: bool = False
    """Whether X refuses values of lists that it does not know, and the other vocabulary, instead of dropping them."""
    expansions_as_fields: bool = EXPANSIONS_AS_FIELDS
    """Whether X knows `author_id`, `referenced_posts` and `sender_id` as fields, as before OpenAPI 2.167."""
    app_tokens: dict[str, Account] = field(default_factory=dict)
    """The owners of apps by the bearer tokens that the apps got for themselves."""
    serves_credits: bool = True
    """Whether X answers what is left of an app's credits, as it does for some apps only."""
    prices: dict[str, Any] = field(default_factory=lambda: deepcopy(PRICES))
    ids: Snowflakes = field(default_factory=Snowflakes)
    posts: Posts = field(default_factory=Posts)
    messages: Messages = field(default_factory=Messages)
    sign_ins: SignIns = field(default_factory=SignIns)
    media: dict[str, Media] = field(default_factory=dict)
    care: Care = field(default_factory=Care)

    def reset(self) -> None:
        """Becomes an empty world."""
        vars(self).update(vars(World()))

    def create_account(
        self, username: str, *, name: str | None = None, app_of: Account | None = None, **changes: Any
    ) -> Account:
        """Adds a new brand without followers, with keys of its own, for an app of its own or that of another brand."""
        (number,) = self.people.add(1)
        user = self.people.change(number, username=username, name=name or username, **{**BRAND, **changes})
        keys = make_keys(user.id, app_of.keys if app_of else None)
        app = app_of.app if app_of else make_app()
        account = self.accounts[number] = Account(len(self.accounts), number, keys, app, owns_app=app_of is None)
        self.apps.setdefault(keys.consumer_key, {})[keys.access_token] = account
        return account

    def account(self, username: str) -> Account | None:
        """Returns the brand with this username."""
        user = self.people.named(username)
        return self.accounts.get(user.number) if user else None

    def owner_of_app(self, consumer_key: str) -> Account | None:
        """Returns the brand that owns the app with this consumer key."""
        return next((one for one in self.apps.get(consumer_key, {}).values() if one.owns_app), None)

    def owner_id(self, account: Account) -> str:
        """Returns X's id of the user who owns the account's app."""
        owner = self.owner_of_app(account.keys.consumer_key) or account
        return self.people.user(owner.number).id

    def owner_of_client(self, client_id: str) -> Account | None:
        """Returns the brand that owns the app with this OAuth 2.0 client id."""
        return next((one for one in self.accounts.values() if one.owns_app and one.app.client_id == client_id), None)

    def user(self, number: int) -> User:
        """Returns the user with this number; a brand is followed by its list."""
        user, account = self.people.user(number), self.accounts.get(number)
        return replace(user, followers_count=account.follows.count) if account else user

    def change_user(self, number: int, **changes: Any) -> User:
        """Changes fields of a user; see `People.change` for a username that is taken."""
        self.pages.clear()
        return self.people.change(number, **changes)

    def change_users(self, numbers: Iterable[int], **changes: Any) -> list[User]:
        """Changes many users in the same way."""
        self.pages.clear()
        return [self.people.change(number, **changes) for number in numbers]

    def follow_new(self, account: Account, count: int, *, ordinary: bool = False) -> range:
        """Adds `count` new users who follow, and returns their numbers."""
        numbers = self.people.add(count, ordinary=ordinary)
        self._follow(account, numbers)
        return numbers

    def follow(self, account: Account, numbers: list[int]) -> None:
        """Lets users who exist follow, the last one as the newest; those who follow already move to the top."""
        account.follows.remove(numbers)
        self._follow(account, numbers)

    def unfollow(self, account: Account, numbers: Iterable[int]) -> list[int]:
        """Ends the following of these users, and returns those who followed."""
        self.pages.clear(account.number)
        return account.follows.remove(list(numbers))

    def expire_tokens(self) -> None:
        """Makes all page tokens given out so far unknown."""
        self.tokens.expire()
        self.pages.clear()

    @property
    def post_word(self) -> str:
        """Returns X's word for a post in the names of fields."""
        return "tweet" if self.spelling is Spelling.OLD else "post"

    @property
    def other_word(self) -> str:
        """Returns the word that X does not use at the moment."""
        return "post" if self.spelling is Spelling.OLD else "tweet"

    def respell(self, spelling: Spelling, *, only: bool, strict: bool, expansions_as_fields: bool) -> None:
        """Answers with the old or the new names of fields from now on, and reads requests by these switches."""
        self.spelling, self.only, self.strict = spelling, only or strict, strict
        self.expansions_as_fields = expansions_as_fields
        self.pages.clear()

    def _follow(self, account: Account, numbers: Iterable[int]) -> None:
        self.pages.clear(account.number)
        account.follows.add(numbers)


BRAND: dict[str, Any] = {
    "verified": False,
    "protected": False,
    "withheld": False,
    "subscription_type": Subscription.NONE,
    "omit": frozenset(),
}
"""A brand has nothing of the odd luck that imagined users may have."""
