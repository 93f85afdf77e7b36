"""The report of contact acquisition: invited, opened, agreed, recovered."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import distinct, func, select
from sqlmodel import Session, col

from campaign.audience.followers import count_followers
from campaign.consent import permission
from campaign.reporting.document import Cell, Document, Section
from models import (
    MAIN,
    NO_VISITOR,
    Agreement,
    AgreementState,
    Delivery,
    DeliveryKind,
    DeliveryTarget,
    InvitationOpening,
    Message,
    ReconciledBy,
    Service,
)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many people reached each step; the number invited by a post, and who opened it, are unknown."""

    invited: int = 0
    """Messages that are out, or may be."""
    opened: int = 0
    """People who opened their personal link at least once."""
    agreed: int = 0
    """People who agreed, with those who withdrew later."""
    recovered: int = 0
    """Agreements whose profile X gave."""
    reconciled: int = 0
    """Profiles that belong to a contact who was known before."""

    def as_rows(self) -> list[tuple[str, int]]:
        """Returns the steps in their order, each with its number."""
        return [
            ("Invited", self.invited),
            ("Opened", self.opened),
            ("Agreed", self.agreed),
            ("Recovered", self.recovered),
            ("Reconciled", self.reconciled),
        ]

    def __add__(self, other: "Funnel") -> "Funnel":
        """Adds two funnels."""
        pairs = zip(self.as_rows(), other.as_rows(), strict=True)
        return Funnel(*(ours + theirs for (_, ours), (_, theirs) in pairs))


@dataclass(frozen=True, slots=True)
class InvitationReport:
    """The outcome of one invitation on one service; without a name the people who found the page alone."""

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
        """Contacts by followers; None without followers."""
        return self.contacts / self.followers if self.followers else None

    @property
    def funnel(self) -> Funnel:
        """All its invitations together, and those who found the page alone."""
        return sum((one.funnel for one in self.invitations), Funnel())

    def as_json(self) -> dict[str, object]:
        """Returns the report for scripts."""
        invitations = [
            {"name": one.name, "label": one.label} | {step.lower(): count for step, count in one.funnel.as_rows()}
            for one in self.invitations
        ]
        return {
            "contacts": self.contacts,
            "withdrawn": self.withdrawn,
            "rate": None if self.rate is None else round(self.rate, 6),
            "invitations": invitations,
        }


_MOST_INVITATIONS = 50


def document_of(reports: Sequence[Acquisition]) -> Document:
    """Makes the report of the contacts of each service, and of how far people came with each invitation."""
    sections = tuple(section_of(report, f"{report.label} (@{report.service})") for report in reports)
    return Document("Contacts", "" if sections else "No service has sent an invitation yet.", sections)


def section_of(report: Acquisition, title: str) -> Section:
    """Makes the table of the newest invitations of a service and the sum of all of them."""
    steps = tuple(step for step, _ in report.funnel.as_rows())
    rows: list[tuple[Cell, ...]] = []
    for one in report.invitations[:_MOST_INVITATIONS]:
        # Who saw or opened a post is unknown.
        unknown = () if one.is_personal else ("Invited", "Opened")
        times = (moment.date() if moment else None for moment in (one.started_at, one.finished_at))
        counts = (None if step in unknown else count for step, count in one.funnel.as_rows())
        rows.append((one.label or one.name, *times, *counts))
    if not rows:
        return Section(title, bold=in_words(report), text="There are no invitations yet.")
    total: tuple[Cell, ...] = ("All", None, None, *(count for _, count in report.funnel.as_rows()))
    return Section(title, ("Invitation", "Started", "Ended", *steps), (*rows, total), bold=in_words(report))


def in_words(report: Acquisition) -> str:
    """Writes the contacts of a service in one sentence."""
    rate = (
        ""
        if report.rate is None
        else f", {report.rate:.1%} of its {report.followers:,} follower{'s' * (report.followers != 1)}"
    )
    gone = f" {report.withdrawn:,} took their agreement back." if report.withdrawn else ""
    return f"{report.contacts:,} contact{'' if report.contacts == 1 else 's'}{rate}.{gone}"


_PERSON = func.count(distinct(col(Agreement.external_id)))


def acquisition_of(session: Session, service: Service) -> Acquisition:
    """Reads the contacts that a service won, and the outcome of each of its invitations."""
    running = col(Agreement.state) == AgreementState.RECOVERED
    contacts = session.scalar(_agreements(service.id, _PERSON).where(running)) or 0
    still = select(col(Agreement.external_id)).where(
        col(Agreement.service_id) == service.id, col(Agreement.state) != AgreementState.WITHDRAWN
    )
    ended = _agreements(service.id, _PERSON).where(
        col(Agreement.state) == AgreementState.WITHDRAWN, col(Agreement.external_id).not_in(still)
    )
    return Acquisition(
        service=service.internal_name,
        label=service.label,
        followers=count_followers(session, service.id),
        contacts=contacts,
        withdrawn=session.scalar(ended) or 0,
        invitations=tuple(_invitations(session, service.id)),
    )


def _agreements(service_id: int, *columns: Any) -> Any:
    return select(*columns).where(col(Agreement.service_id) == service_id)


def _invitations(session: Session, service_id: int) -> list[InvitationReport]:
    is_of_service = (col(Message.service_id) == service_id) & (col(Message.proof_number) == MAIN)
    invited = (
        select(col(Message.delivery_id), func.count())
        .join(Delivery, col(Delivery.id) == col(Message.delivery_id))
        .where(
            col(Delivery.is_invitation),
            is_of_service,
            col(Message.visitor_id) != NO_VISITOR,
            col(Message.state).in_(permission.REACHED_STATES),
        )
        .group_by(col(Message.delivery_id))
    )
    # A delivery may be that of several services: only the openings of people to whom this one wrote.
    is_recipient = (col(Message.delivery_id) == col(InvitationOpening.delivery_id)) & (
        col(Message.visitor_id) == col(InvitationOpening.visitor_id)
    )
    opened = (
        select(col(InvitationOpening.delivery_id), func.count())
        .join(Message, is_recipient)
        .where(is_of_service, col(InvitationOpening.visitor_id) != NO_VISITOR)
        .group_by(col(InvitationOpening.delivery_id))
    )
    # NO_INVITATION is a number like that of a delivery: it gets a row of its own.
    agreed = _agreements(service_id, col(Agreement.delivery_id), _PERSON).group_by(col(Agreement.delivery_id))
    counts = {
        "invited": invited,
        "opened": opened,
        "agreed": agreed,
        "recovered": agreed.where(col(Agreement.recovered_at).is_not(None)),
        "reconciled": agreed.where(col(Agreement.reconciled_by) != ReconciledBy.NOTHING),
    }
    steps: dict[int, dict[str, int]] = defaultdict(dict)
    for name, counted in counts.items():
        for delivery_id, count in session.execute(counted):
            if count:
                steps[delivery_id][name] = count
    funnels = {delivery_id: Funnel(**counts) for delivery_id, counts in steps.items()}
    aimed = select(Delivery).join(DeliveryTarget, col(DeliveryTarget.delivery_id) == col(Delivery.id))
    chosen = aimed.where(col(DeliveryTarget.service_id) == service_id, col(Delivery.is_invitation))
    rows = [
        InvitationReport(
            each.name, each.label, each.kind, funnels.pop(each.id, Funnel()), each.started_at, each.finished_at
        )
        for each in session.scalars(chosen.order_by(col(Delivery.id).desc()))
    ]
    # The rest has no invitation of this service: people who found the page alone, or used the link of another one.
    alone = sum(funnels.values(), Funnel())
    return [*rows, InvitationReport("", "Without an invitation", None, alone)] if alone != Funnel() else rows
