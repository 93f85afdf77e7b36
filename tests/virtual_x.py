"""The far side of the wire for schedules of faults: posts of accounts under a clock of its own, without a network.

Thousands of schedules a minute are run against it; what it does was compared with the simulator's by hand. Everything
on this side of the wire is the real thing.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from random import Random

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent
from campaign.x import types
from campaign.x.types import Answer, NewPost, OwnPost, Price, Receipt
from tests.factories import NOW

#: X shows a post at the latest so many seconds after it took it: less than the settling delay.
SHOWN_WITHIN = 50
REFUSALS = ["away", "limited", "wall", "not routed", "unauthorized"]
"""X has done nothing: unreachable, busy, behind a wall of HTML, an empty 404, a 401 of its own making."""
TOO_LATE = 400
"""Now and then it takes longer: the text is published again, and X refuses it as a duplicate."""
_IDS = count(1_000_000_000)


class Killed(BaseException):
    """kill -9: nothing of this process is left, whatever it was doing."""


@dataclass(frozen=True)
class Published:
    account: str
    x_id: str
    post: NewPost
    at: datetime
    shown_at: datetime


@dataclass
class VirtualX:
    """The world, and the trouble that is still to come: each fault uses one up, so that every schedule ends."""

    seed: int
    trouble: int
    now: datetime = NOW
    published: list[Published] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    unauthorized_until: datetime = NOW
    """X refuses right keys so long."""

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)

    def clock(self) -> datetime:
        """Lets time pass with each reading of the clock; now and then the process is killed at it."""
        self.now += timedelta(milliseconds=self.dice.randint(1, 400))
        if self.strikes(0.04):
            self._tell("killed")
            raise Killed
        return self.now

    def pass_time(self, until: datetime | None = None) -> None:
        self.now = max(self.now + timedelta(seconds=self.dice.randint(1, 90)), until or self.now)

    def strikes(self, chance: float) -> bool:
        if self.trouble and self.dice.random() < chance:
            self.trouble -= 1
            return True
        return False

    def fault(self, kinds: list[str]) -> str:
        """What goes wrong with this call, if anything."""
        kind = self.dice.choice(kinds) if self.strikes(0.45) else "none"
        self._tell(kind)
        return kind

    def refuse(self, kind: str) -> None:
        """Raises what a refusal of this kind is translated to, when X has done nothing."""
        if kind == "unauthorized":
            self.unauthorized_until = self.now + timedelta(seconds=self.dice.randint(5, 3_600))
        if self.now < self.unauthorized_until:
            raise ServiceBlocked("X does not accept the keys.", reason="keys_wrong", remedy="The operator acts.")
        if kind == "away":
            raise Unsent("X cannot be reached.", reason="unreachable")
        if kind in {"wall", "not routed"}:
            reason = "not_the_api" if kind == "wall" else "not_routed"
            raise Unsent("X's API is not reached.", reason=reason, retry_at=self.now + timedelta(minutes=15))
        if kind.startswith("limited"):
            retry_at = None if kind == "limited somehow" else self.now + timedelta(seconds=self.dice.randint(5, 900))
            raise Unsent("X allows no more calls.", reason="rate_limited", retry_at=retry_at)

    def take(self, account: str, post: NewPost, within: float) -> str:
        delay = timedelta(seconds=self.dice.uniform(1, within) if within else 0)
        x_id = str(next(_IDS))
        self.published.append(Published(account, x_id, post, self.now, self.now + delay))
        return x_id

    def _tell(self, kind: str) -> None:
        self.happened.append(kind)


@dataclass
class VirtualGateway:
    """One account's way to that X; see campaign.x.gateway.Gateway."""

    x: VirtualX
    account: str
    post_endpoint: str = "POST /2/tweets"
    timeline_endpoint: str = "GET /2/users/:id/tweets"
    shortest_timeline_page: int = 5
    longest_timeline_page: int = 100
    own_post_price: Price = types.OWNED_POST_READ
    shown_post_price: Price = types.OWNED_POST_READ
    alt_text_price: Price = types.NOT_CHARGED

    def post_price(self, *, has_link: bool) -> Price:
        return types.POST_WITH_LINK_CREATE if has_link else types.POST_CREATE

    def publish(self, post: NewPost, price: Price | None = None) -> Answer[str]:
        lost = ["lost before", "lost after", "lost and late", "lost and too late", "killed before", "killed after"]
        kind = self.x.fault([*REFUSALS, *lost])
        if kind == "killed before":
            raise Killed
        self.x.refuse(kind)
        if kind == "lost before":
            raise Uncertain("X did not answer.", reason="no_answer")
        if any(one.account == self.account and _key(one.post) == _key(post) for one in self.x.published):
            raise Refused("X has this text already.", reason="duplicate")
        within = SHOWN_WITHIN if kind == "lost and late" or self.x.dice.random() < 0.2 else 0
        x_id = self.x.take(self.account, post, TOO_LATE if kind == "lost and too late" else within)
        if kind == "killed after":
            raise Killed
        if kind.startswith("lost"):
            raise Uncertain("X did not answer.", reason="no_answer")
        return Answer(x_id, (Receipt(self.post_endpoint, price or types.POST_CREATE, 1),))

    def own_posts(self, user_id: str, since: datetime, at_most: int) -> Answer[list[OwnPost]]:
        kind = self.x.fault([*REFUSALS, "lost", "killed", "lacks replies", "lacks posts"])
        if kind == "killed":
            raise Killed
        self.x.refuse(kind)
        if kind == "lost":
            raise Uncertain("X did not answer.", reason="no_answer")
        shown = [
            OwnPost(one.x_id, one.post.text, one.at, one.post.reply_to)
            for one in reversed(self.x.published)
            if one.account == self.account == user_id and one.at >= since and one.shown_at <= self.x.now
        ][:at_most]
        receipts = (Receipt(self.timeline_endpoint, self.own_post_price, len(shown)),)
        if kind == "lacks replies":
            shown = [replace(post, reply_to=None) for post in shown]
        # A post without its text or its date cannot be read.
        unreadable = [post.x_id for post in shown if kind == "lacks posts" and self.x.dice.random() < 0.5]
        return Answer([post for post in shown if post.x_id not in unreadable], receipts, tuple(unreadable))


def _key(post: NewPost) -> tuple[str, str | None]:
    return post.text, post.reply_to
