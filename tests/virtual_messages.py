"""The far side of the wire for schedules of direct messages: what was sent, who answers, and X's limits, under a clock.

Everything on this side of the wire is the real thing. X counts its windows from the first call in them, shows events
late, and its clock may be wrong; people write, close their inboxes and meddle at any moment.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count

from campaign.errors import ServiceBlocked, Unsent
from campaign.limits.rate_limits import LENGTHS
from campaign.x.types import MessageEvent, Window, first_id_at
from models import WindowName
from tests.virtual_x import Killed, VirtualX

#: From the moment a call begins until X shows what it did, in seconds: less than the settling delay.
LONGEST_CALL, SHOWN_WITHIN = 8, 50
#: Reading several pages takes longer.
LONGEST_LOOK = 20
SENDING, LOOKING = "POST /2/dm_conversations/with/:id/messages", "GET /2/dm_events"
_NUMBERS = count(1)


@dataclass(frozen=True)
class Event:
    account: str
    """Whose list of events it stands in."""
    event: MessageEvent
    shown_at: datetime


@dataclass
class Counted:
    """A limit window as X keeps it."""

    used: int = 0
    reset_at: datetime | None = None


@dataclass
class VirtualMessages(VirtualX):
    """The world: `meddle` is whatever others do during a call, before X does something or when it has."""

    limits: dict[WindowName, int] = field(default_factory=dict)
    tells: frozenset[WindowName] = frozenset()
    page: int = 100
    skew: timedelta = timedelta()
    app: str = ""
    events: list[Event] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    quiet: set[tuple[str, str]] = field(default_factory=set)
    """Accounts and persons whose conversation went over to X Chat: no list of events shows anything of it."""
    blocked: set[str] = field(default_factory=set)
    exceeded: list[str] = field(default_factory=list)
    has_two_senders: bool = False
    """Whether a second sender broke the claim of the first: then X may have to stop one of them."""
    beyond_first: dict[str, set[str]] = field(default_factory=dict)
    """Events that the first reading of an account left out, which takes one page: by account, their ids."""
    shown: Counter[str] = field(default_factory=Counter)
    """How many events X showed to each account."""
    charged: set[tuple[str, str, date]] = field(default_factory=set)
    """What it charges them for: each event once in a UTC day."""
    windows: dict[tuple[str, str, WindowName], Counted] = field(default_factory=dict)
    meddle: Callable[[float, bool], None] = lambda _another, _is_done: None
    is_slow: bool = False
    check: Callable[[str, str], None] = lambda _account, _recipient: None

    def clock(self) -> datetime:
        """Lets time pass with each reading of the clock; now and then the process is killed at it."""
        self.now += timedelta(milliseconds=self.dice.randint(1, 60))
        if self.strikes(0.03):
            self._tell("killed")
            raise Killed
        return self.now

    def travel(self, longest: float) -> None:
        """Part of a call."""
        if self.is_slow or self.dice.random() < 0.1:
            self.now += timedelta(seconds=self.dice.uniform(0, longest))

    def shows(self, account: str, event: Event) -> bool:
        """Returns whether an account's list of events has this one now."""
        person = event.event.recipient if event.event.sender == account else event.event.sender
        return event.account == account and event.shown_at <= self.now and (account, person) not in self.quiet

    def say(self, account: str, sender: str, recipient: str, text: str, *, late: bool = False) -> str:
        """Puts a message into the account's list, shown at once or late."""
        at = self.now + self.skew
        x_id = str(int(first_id_at(at)) + next(_NUMBERS) % (1 << 22))
        delay = timedelta(seconds=self.dice.choice([SHOWN_WITHIN, self.dice.uniform(1, SHOWN_WITHIN)]) if late else 0)
        self.events.append(Event(account, MessageEvent(x_id, sender, recipient, text, at), self.now + delay))
        return x_id

    @property
    def sent(self) -> int:
        """How many messages accounts sent."""
        return sum(each.account == each.event.sender for each in self.events)

    def sent_by(self, account: str) -> list[MessageEvent]:
        return [each.event for each in self.events if each.account == account == each.event.sender]

    def use(self, account: str, endpoint: str) -> tuple[Window, ...]:
        """Counts a call, and notes where X allows none more."""
        told = []
        for name, limit in self.limits.items():
            whose = self.app if name is WindowName.APP_DAY and self.app else account
            window = self.windows.setdefault((whose, endpoint, name), Counted())
            if window.reset_at is None or window.reset_at <= self.now:
                window.used, window.reset_at = 0, self.now + LENGTHS[name]
            if window.used >= limit and self.has_two_senders:
                raise Unsent("X allows no more calls.", reason="rate_limited", retry_at=window.reset_at)
            window.used += 1
            if window.used > limit:
                self.exceeded.append(f"{endpoint} {name}")
            if name in self.tells:
                told.append(Window(name, limit, max(0, limit - window.used), window.reset_at))
        return tuple(told)

    def happened_to(self, account: str, kinds: list[str]) -> str:
        """Lets a call go wrong before X does anything; returns what goes wrong after."""
        kind = self.fault(kinds)
        if kind == "killed before":
            raise Killed
        self.refuse(kind)
        if kind == "blocked":
            self.blocked.add(account)
        if account in self.blocked:
            raise ServiceBlocked("X does not accept the keys.", reason="keys_wrong", remedy="The operator acts.")
        return kind
