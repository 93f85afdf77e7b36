"""What posts and broadcasts have in common: a delivery rendered, analysed and sent, and how far it got."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from campaign.deliveries.draft import Draft, FileProblem, LoadedFile
from campaign.deliveries.findings import Analysis
from campaign.reporting.document import Document
from models import Delivery, Service

Clock = Callable[[], datetime]
"""Returns the time, aware; a step asks again after each call."""
OnUpload = Callable[[int, int], None]
"""Is called with how many bytes of a file are uploaded, of how many."""


class End(StrEnum):
    """Why the work on an account ended for now."""

    OUT = "out"
    """Everything is out."""
    WAITING = "waiting"
    """X allows no more calls now, or does not show yet what it did; goes on at `until`."""
    REFUSED = "refused"
    """X refused a part; the parts after it wait."""
    BLOCKED = "blocked"
    """X lets this account do nothing; an operator has to act."""
    CAPPED = "capped"
    """The month's spend cap is reached."""
    HALTED = "halted"
    """The delivery is paused, stopped, over, or not what was confirmed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one account stands: `until` is when to go on, `reason` one sentence for a person."""

    service_id: int
    end: End
    reason: str = ""
    until: datetime | None = None
    left_out: int = 0
    """How many records of X's could not be read."""


Files = Mapping[str, LoadedFile | FileProblem]
"""What each source holds, or why it cannot be used."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A delivery as it would go out now. Its fingerprint covers all that goes out; no analysis is needed for it."""

    delivery: Delivery
    draft: Draft
    services: list[Service]
    files: Files
    fingerprint: str
    version: str
    """That of the delivery's row in the database: another one as soon as the row is changed in any way."""
    older_fingerprint: str = field(default="", kw_only=True)
    """As it was made before it covered our public address: a confirmation of that time still counts."""

    @property
    def usable_files(self) -> list[LoadedFile]:
        """Returns the files that can be sent."""
        return [file for file in self.files.values() if isinstance(file, LoadedFile)]


R_co = TypeVar("R_co", bound=Rendered, covariant=True)


@dataclass(frozen=True, slots=True)
class Analysed(Generic[R_co]):
    """A rendered delivery, and what its analysis found."""

    rendered: R_co
    analysis: Analysis


@dataclass(frozen=True, slots=True)
class Sent:
    """How far one run got with a delivery: its report, whether it needs no person, and one sentence on it."""

    report: Any
    is_well: bool
    sentence: str


class Kind(Protocol):
    """A kind of delivery, by everything that can be done with one of it."""

    workflow: str
    """The deployment that sends deliveries of this kind."""
    shown_as: str
    """What a preview of it shows, after the name of the delivery."""

    def render(self, name: str) -> Rendered:
        """Renders a delivery as it would go out now, without analysing it."""
        ...

    def analyse(self, name: str, actor: str) -> Analysed[Rendered]:
        """Analyses a delivery and saves the result; sends nothing."""
        ...

    def last_analysed(self, name: str) -> Analysed[Rendered]:
        """Returns a delivery with its last analysis."""
        ...

    def preview(self, analysed: Analysed[Any]) -> Document:
        """Makes the preview of a delivery."""
        ...

    def can_be_proved(self, draft: Draft) -> bool:
        """Returns whether a proof has a recipient."""
        ...

    def send_proof(self, name: str, actor: str, *, like: str = "") -> Progress:
        """Sends the next proof; `like` is the handle of the person as whom a broadcast is rendered."""
        ...

    def send(self, name: str, started_by: str, *, wait: bool) -> Sent:
        """Sends a confirmed delivery as far as X allows now, or (`wait`) to its end."""
        ...
