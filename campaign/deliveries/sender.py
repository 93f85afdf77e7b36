"""Sending from one service, posts and direct messages alike."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import LoadedFile
from campaign.deliveries.kind import Clock, End, OnUpload, Progress
from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.limits import spend_cap
from campaign.limits.spend_cap import book_failed_call
from campaign.x.gateway import Gateway
from campaign.x.types import MediaFile
from models import MAIN, Delivery, DeliveryState, Service, UploadedFile


@dataclass(frozen=True)
class Sender:
    """A service that sends; `settle_after` is how long X may take to show what it did."""

    gateway: Gateway
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
        return f"{delivery.name} is {delivery.state.value.replace('_', ' ')}."
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
