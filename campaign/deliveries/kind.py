"""What posts and broadcasts share: a delivery rendered, analysed and sent from a service, and how far it got."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sqlmodel import Session

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft, FileProblem, LoadedFile
from campaign.deliveries.findings import Analysis
from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.limits import spend_cap
from campaign.limits.spend_cap import book_failed_call
from campaign.reporting.document import Document
from campaign.x.types import MediaFile
from models import MAIN, Delivery, DeliveryState, Service, UploadedFile

if TYPE_CHECKING:
    from campaign.x.gateway import Gateway  # slow to import, and not needed to look at deliveries

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


@dataclass(frozen=True)
class Sender:
    """A service that sends; `settle_after` is how long X may take to show what it did."""

    gateway: "Gateway"
    service: Service
    clock: Clock
    settle_after: timedelta

    def progress(self, end: End, reason: str = "", until: datetime | None = None) -> Progress:
        """Returns where the service stands."""
        return Progress(self.service.id, end, reason, until)

    def stop_for(self, error: XError) -> Progress | None:
        """Returns how an error ends the work of the service for now; raises it when a retry may help at once."""
        if isinstance(error, ServiceBlocked):
            return self.progress(End.BLOCKED, error.sentence)
        if isinstance(error, Unsent):
            if error.retry_at is None:
                raise error
            reason = "X allows no more calls for now." if error.reason == "rate_limited" else error.sentence
            return self.progress(End.WAITING, reason, error.retry_at)
        return None

    def book_failure(self, purpose: str, error: XError, now: datetime) -> None:
        """Books what a failed call cost, in a transaction of its own."""
        with transaction() as session:
            book_failed_call(session, self.service.id, purpose, error, now)


def why_halted(session: Session, delivery: Delivery, version: str, proof_number: int, now: datetime) -> str | None:
    """Returns why a delivery may no longer go out, or None; for a proof only a change counts."""
    if deliveries.version_of(session, delivery) != version:
        return f"{delivery.name} changed after its confirmation."
    if proof_number != MAIN:
        return None
    if delivery.state is not DeliveryState.IN_PROGRESS:
        return f"{delivery.name} is {delivery.state.words}."
    if deliveries.is_expired(delivery, now):
        return f"The validity of {delivery.name} ended."
    return None


def media_id_of(
    sender: Sender, file: LoadedFile, on_progress: OnUpload = lambda _done, _all: None, *, for_messages: bool = False
) -> str | Progress:
    """Returns X's id of a file, which is uploaded unless X still stores it.

    Raises XError when the call fails: Refused when X does not take the file. What the call cost is booked.
    """
    media = MediaFile(file.path, file.media_type, file.kind, file.alt_text, for_messages=for_messages)
    service_id, purpose = sender.service.id, f"uploading {file.sha256[:12]}"
    with read_session() as session:
        known = log.uploaded(session, service_id, file.sha256, media.category, file.alt_text, sender.clock())
    if known:
        return known
    with transaction() as session:
        price = sender.gateway.upload_price
        if file.alt_text:
            price = price.together(sender.gateway.alt_text_price)
        if not spend_cap.reserve(session, service_id, purpose, price, 1, sender.clock()):
            return sender.progress(End.CAPPED, "This month's spend cap is reached; raise it or wait.")
    try:
        answer = sender.gateway.upload(media, on_progress)
    except XError as error:
        sender.book_failure(purpose, error, sender.clock())
        raise
    with transaction() as session:
        spend_cap.record_cost(session, service_id, purpose, answer.receipts, sender.clock())
        uploaded = UploadedFile(
            service_id=service_id,
            sha256=file.sha256,
            category=media.category,
            alt_text=file.alt_text,
            media_id=answer.value.media_id,
            expires_at=answer.value.expires_at,
        )
        log.save_upload(session, uploaded)
    return answer.value.media_id
