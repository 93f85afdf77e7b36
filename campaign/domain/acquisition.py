"""What came of inviting people to become contacts: of each invitation, of a service, in numbers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models import DeliveryKind


@dataclass(frozen=True, slots=True)
class Funnel:
    """How far people came; a post invites whoever reads it, so that nobody knows how many, or who opened it."""

    invited: int = 0
    """Messages that are out, or may be."""
    opened: int = 0
    """People who opened their personal link at least once."""
    agreed: int = 0
    """People who said yes, whether or not they took it back later."""
    recovered: int = 0
    """Agreements whose profile X gave."""
    reconciled: int = 0
    """Profiles that belong to a contact who was known before."""

    def as_rows(self) -> list[tuple[str, int]]:
        """The steps in their order, each with its number."""
        return [
            ("Invited", self.invited),
            ("Opened", self.opened),
            ("Agreed", self.agreed),
            ("Recovered", self.recovered),
            ("Reconciled", self.reconciled),
        ]

    def __add__(self, other: "Funnel") -> "Funnel":
        """Both together."""
        pairs = zip(self.as_rows(), other.as_rows(), strict=True)
        return Funnel(*(ours + theirs for (_, ours), (_, theirs) in pairs))


@dataclass(frozen=True, slots=True)
class InvitationReport:
    """What came of one invitation on one service; without a name those who found the page alone."""

    name: str
    """The internal name of the delivery."""
    label: str
    kind: DeliveryKind | None
    funnel: Funnel
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_personal(self) -> bool:
        """Whether it is known who was invited, and who opened it."""
        return self.kind is DeliveryKind.DM


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The contacts that a service won."""

    service: str
    """Its internal name."""
    label: str
    followers: int
    contacts: int
    """People whose agreement with the service runs and whose profile was recovered."""
    withdrawn: int = 0
    """People who took their agreement back, and gave none again."""
    invitations: Sequence[InvitationReport] = ()
    """The newest first."""

    @property
    def rate(self) -> float | None:
        """Contacts by followers; None where nobody follows."""
        return self.contacts / self.followers if self.followers else None

    @property
    def funnel(self) -> Funnel:
        """All its invitations together, and those who found the page alone."""
        return sum((one.funnel for one in self.invitations), Funnel())
