"""What is forgotten after a time: texts and clicks of direct messages, and the audit; the counts of reports stay."""

from dataclasses import dataclass
from datetime import datetime

import pendulum
from sqlalchemy import delete, or_, select, update
from sqlmodel import col

from campaign.db.engine import empty_write_ahead_log, read_session, transaction
from campaign.deliveries.findings import Analysis
from campaign.settings import load_settings
from campaign.statistics import clicks
from models import OVER, AuditEntry, Click, Delivery, DeliveryKind, Link, Message, MessageState

#: Messages that one transaction changes: others may write in between.
_AT_ONCE = 20_000
_FINAL = (MessageState.SENT, MessageState.REFUSED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows a run emptied or deleted."""

    texts: int = 0
    clicks: int = 0
    entries: int = 0
    """Of the audit."""

    def __str__(self) -> str:
        kinds = {"texts of messages": self.texts, "clicks": self.clicks, "entries of the audit": self.entries}
        return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)


def forget(now: datetime) -> Forgotten:
    """Forgets what the settings keep no longer; does nothing by default, and may be killed and repeated."""
    settings = load_settings()
    texts, clicked, entries = settings.keep_texts_months, settings.keep_clicks_months, settings.keep_audit_months
    forgotten = Forgotten(
        texts=sum(_forget_texts(one) for one in _broadcasts_before(now, texts)) if texts else 0,
        clicks=sum(_forget_clicks(one) for one in _broadcasts_before(now, clicked)) if clicked else 0,
        entries=_forget_entries(_months_before(now, entries)) if entries else 0,
    )
    if forgotten != Forgotten():
        empty_write_ahead_log()
    return forgotten


def _months_before(now: datetime, months: int) -> datetime:
    return pendulum.instance(now).subtract(months=months)


def _broadcasts_before(now: datetime, months: int) -> list[int]:
    """Returns the broadcasts that have been over for so long."""
    is_old = col(Delivery.finished_at) < _months_before(now, months)
    over = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state).in_(OVER), is_old)
    with read_session() as session:
        return list(session.scalars(over.order_by(col(Delivery.id))))


def _forget_texts(delivery_id: int) -> int:
    of_delivery = col(Message.delivery_id) == delivery_id, col(Message.text) != "", col(Message.state).in_(_FINAL)
    count = 0
    with transaction() as session:
        delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
        analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
        if analysis.samples:
            # Messages to three of the people.
            delivery.analysis = analysis.model_copy(update={"samples": []}).model_dump_json()
    while True:
        with transaction() as session:
            some = select(col(Message.id)).where(*of_delivery).limit(_AT_ONCE).scalar_subquery()
            emptied = update(Message).where(col(Message.id).in_(some)).values(text="")
            changed = session.connection().execute(emptied).rowcount
        count += changed
        if changed < _AT_ONCE:
            return count


def _forget_clicks(delivery_id: int) -> int:
    """Replaces the clicks of a broadcast by their counts: no link of it works any more, so none is added later."""
    of_delivery = col(Click.link_id).in_(select(col(Link.id)).where(col(Link.delivery_id) == delivery_id))
    with transaction() as session:
        delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
        delivery.clicked = clicks.of_delivery(session, delivery_id).messages
        session.add_all(clicks.by_link_and_hour(session, delivery_id))
        session.flush()
        return session.connection().execute(delete(Click).where(of_delivery)).rowcount


def _forget_entries(before: datetime) -> int:
    is_open = select(col(Delivery.id)).where(col(Delivery.state).not_in(OVER))
    has_ended = or_(col(AuditEntry.delivery_id).is_(None), col(AuditEntry.delivery_id).not_in(is_open))
    with transaction() as session:
        old = delete(AuditEntry).where(col(AuditEntry.at) < before, has_ended)
        return session.connection().execute(old).rowcount
