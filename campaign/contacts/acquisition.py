"""Contact acquisition: the profiles of people who agreed are recovered from X; and its report: invited, opened, agreed.

Their tokens lie in the vault, are used once, and are revoked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pendulum
from sqlalchemy import distinct, func, select
from sqlmodel import Session, col

from campaign.audience.followers import count_followers
from campaign.consent import permission, store
from campaign.contacts import store as contacts
from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, WrongUsage, XError
from campaign.limits.spend_cap import paid
from campaign.reporting.document import Cell, Document, Section
from campaign.services import store as services
from campaign.services.store import app_keys_of
from campaign.settings import load_settings
from campaign.x.error_table import SIGN_IN_OVER
from campaign.x.oauth import Grant, SignIn, sign_in_of
from campaign.x.types import USER_READ, Profile
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
    SecretKind,
    Service,
)


@dataclass(frozen=True, slots=True)
class KeptGrant:
    """A token, and the service whose app it was granted to."""

    service_id: int
    grant: Grant


def keep_grant(session: Session, agreement: Agreement, grant: Grant, now: datetime) -> None:
    """Saves the token of an agreement in the vault until the profile is recovered."""
    values = {"service_id": str(agreement.service_id)} | grant.as_json()
    vault.save(session, SecretKind.CONTACT_GRANT, agreement.id, values, now)


def _read_grant(agreement_id: int) -> KeptGrant | None:
    with read_session() as session:
        stored = vault.read(session, SecretKind.CONTACT_GRANT, agreement_id)
    return KeptGrant(int(stored["service_id"]), Grant.from_json(stored)) if stored else None


def _sign_in_with(service: Service, scopes: str) -> SignIn:
    return sign_in_of(app_keys_of(service), load_settings().x_api_url, asks_email="users.email" in scopes)


def end_tokens() -> None:
    """Revokes and deletes the tokens that are no longer needed; those that X does not answer for stay for later."""
    with read_session() as session:
        kept = vault.list_owners(session, SecretKind.CONTACT_GRANT)
        needed = store.still_waiting(session, kept)
    for agreement_id in kept:
        if agreement_id not in needed:
            token = _read_grant(agreement_id)
            if token is None or _is_revoked(token):
                with transaction() as session:
                    vault.delete(session, SecretKind.CONTACT_GRANT, agreement_id)


def _is_revoked(token: KeptGrant) -> bool:
    """Returns whether the token is revoked, or cannot be revoked at all."""
    try:
        with read_session() as session:
            service = services.get(session, token.service_id)
        _sign_in_with(service, token.grant.scopes).revoke(token.grant)
    except (Refused, ServiceBlocked, WrongUsage):
        return True
    except XError:
        return False
    return True


#: The page saves the token a moment after the agreement; after this long it never will.
_HAND_OVER = timedelta(minutes=10)
#: X was seen to reject good tokens for two hours; so long a token of OAuth 2 is good.
_REJECTED_FOR = timedelta(hours=2)
_ASKED_AGAIN = timedelta(minutes=15)
#: A token is good for two hours.
_RETRY_AFTER = timedelta(minutes=5)
#: Each read may cost, whether its answer can be used or not.
_GIVE_UP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Recovered:
    """The outcome of the agreements whose profiles were to be read."""

    recovered: int = 0
    reconciled: int = 0
    """Of those, people who were known before."""
    failed: int = 0
    waiting: int = 0
    """Read later: X does not answer, the spend cap is reached, or the app's keys are wrong."""
    problems: tuple[str, ...] = ()
    """A sentence for each kind of failure, or reason to wait."""
    again_at: datetime | None = None
    """When those that wait for X are tried again."""


@dataclass(frozen=True, slots=True)
class _End:
    state: AgreementState
    reconciled: bool = False
    problem: str = ""
    again_at: datetime | None = None


def recover_profiles() -> Recovered:
    """Recovers the profiles of all who agreed, then revokes and deletes the tokens.

    A profile that X does not answer for stays for the next time, with its token.
    """
    with read_session() as session:
        waiting = store.waiting(session)
    ends = [_recover(agreement) for agreement in waiting]
    end_tokens()
    times = [end.again_at for end in ends if end.again_at]
    return Recovered(
        recovered=sum(end.state is AgreementState.RECOVERED for end in ends),
        reconciled=sum(end.reconciled for end in ends),
        failed=sum(end.state is AgreementState.FAILED for end in ends),
        waiting=sum(end.state is AgreementState.AGREED for end in ends),
        problems=tuple(dict.fromkeys(end.problem for end in ends if end.problem)),
        again_at=min(times, default=None),
    )


def _recover(agreement: Agreement) -> _End:
    now = pendulum.now("UTC")
    kept = _read_grant(agreement.id)
    if kept is None:
        is_lost = agreement.agreed_at + _HAND_OVER < now
        lost = "The token of this agreement was lost; the person may agree again."
        return _fail(agreement, lost) if is_lost else _End(AgreementState.AGREED)
    with read_session() as session:
        service = services.get(session, agreement.service_id)
    try:
        sign_in = _sign_in_with(service, kept.grant.scopes)
        purpose = f"recovering agreement {agreement.id}"
        profile = paid(service, purpose, USER_READ, lambda: sign_in.profile(kept.grant))
    except (Refused, WrongUsage) as error:
        if isinstance(error, Refused) and error.reason == SIGN_IN_OVER and now < agreement.agreed_at + _REJECTED_FOR:
            problem = f"{service.label}: X rejects the token of a person, and is asked again."
            return _End(AgreementState.AGREED, problem=problem, again_at=now + _ASKED_AGAIN)
        return _fail(agreement, str(error))
    except XError as error:
        if isinstance(error, Uncertain) and agreement.agreed_at + _GIVE_UP < now:
            return _fail(agreement, "X gave no profile that can be read for a day; the person may agree again.")
        retry_at = error.retry_at if isinstance(error, Unsent) else None
        # A blocked service needs an operator first.
        again_at = None if isinstance(error, ServiceBlocked) else retry_at or now + _RETRY_AFTER
        return _End(AgreementState.AGREED, problem=f"{service.label}: {error.sentence}", again_at=again_at)
    problem = contacts.misfit_of(profile)
    if profile.external_id != agreement.external_id:
        problem = "X named another person than the one who agreed."
    return _fail(agreement, problem) if problem else _save(agreement, service, profile)


def _save(agreement: Agreement, service: Service, profile: Profile) -> _End:
    """Saves a profile, unless the person took the agreement back meanwhile."""
    keys = [ReconciledBy(key.strip()) for key in service.reconciliation.split(",") if key.strip()]
    with transaction() as session:
        row = store.lock(session, agreement.id)
        if row is None:
            return _End(AgreementState.WITHDRAWN)
        now = pendulum.now("UTC")
        contact, reconciled_by = contacts.save_profile(session, profile, keys if row.may_link else [], now)
        row.contact_id, row.reconciled_by, row.recovered_at, row.reason = contact.id, reconciled_by, now, ""
        row.become(AgreementState.RECOVERED)
        session.add(row)
    return _End(AgreementState.RECOVERED, reconciled=reconciled_by is not ReconciledBy.NOTHING)


def _fail(agreement: Agreement, sentence: str) -> _End:
    with transaction() as session:
        if row := store.lock(session, agreement.id):
            row.reason = sentence
            row.become(AgreementState.FAILED)
            session.add(row)
    return _End(AgreementState.FAILED, problem=sentence)


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
