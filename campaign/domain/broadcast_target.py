"""A service as the analysis of a broadcast knows it: whom it writes to, what it may send and spend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from campaign.domain.budget import WindowName
from campaign.domain.message_budget import Allowance
from campaign.domain.quiet_hours import QuietHours
from campaign.domain.waves import WaveShare
from models import MessagePolicy


@dataclass(frozen=True, slots=True)
class BroadcastTarget:
    """One service of a broadcast, and the people in the target that are its own."""

    service_id: int
    internal_name: str
    label: str
    recipients: int
    """Who get it; `targeted` less those `excluded`."""
    targeted: int
    waves: Sequence[WaveShare]
    """See campaign.domain.waves.split."""
    limits: Mapping[WindowName, int]
    """What X allows in each window, by what it told, else by its documents."""
    allowance: Allowance
    """What may be sent now, see campaign.domain.message_budget."""
    excluded: Mapping[str, int] = field(default_factory=dict)
    """How many get nothing, by ExclusionReason."""
    unconsented: int = 0
    """How many of the recipients never agreed."""
    policy: MessagePolicy = MessagePolicy.ALL_FOLLOWERS
    blocked_because: str = ""
    """Empty when it is not."""
    can_send_messages: bool = True
    """False when X said that the app may not send direct messages."""
    opt_out_line: str = ""
    """What is written under every message; empty for nothing."""
    left: Decimal = Decimal(0)
    """US dollars that its spend cap still allows this month."""
    message_price: Decimal = Decimal("0.015")
    event_price: Decimal = Decimal("0.010")
    """Of each message that is read in the inbox: what the service sent itself is there too."""
    app: str = ""
    """A mark of its developer app: those that have the same share X's limit of an app; empty is not known."""
    quiet: QuietHours | None = None
    daily_limit: int = 0
    """Its own limit in 24 hours; 0 is X's."""

    @property
    def cost(self) -> Decimal:
        """US dollars for all the messages, and for reading each of them once in the inbox."""
        return self.recipients * (self.message_price + self.event_price)
