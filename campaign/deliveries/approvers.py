"""Who approves a delivery: what its services ask for, who approved it already, who may do so next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from campaign.deliveries import store as deliveries
from campaign.deliveries.findings import Analysis
from campaign.errors import NotPossible
from campaign.users import store as users
from campaign.users.store import Person
from models import Approval, AuditEntry, Delivery, DeliveryKind, Role, Service

#: Begins the name of a run in the audit, which is no person.
RUN = "the run "
_WRITING = ("created", "changed")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the services of a delivery ask for: another person than the writer, one person or two."""

    by_another: bool = False
    people: int = 1

    @property
    def is_strict(self) -> bool:
        """Returns whether it matters who approves."""
        return self.by_another or self.people > 1


def rules_for(services: Sequence[Service], recipients: int, cost: Decimal) -> Rules:
    """Returns the strictest rules of the services, for so many recipients of messages and US dollars."""
    is_large = any(
        0 < one.two_approvers_recipients < recipients or 0 < one.two_approvers_cost < cost for one in services
    )
    return Rules(any(one.approval_by_another for one in services), 2 if is_large else 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the approval of a delivery is: people by their accounts, a writer without one as in the audit."""

    rules: Rules
    writer: str
    given: tuple[str, ...] = ()
    """The people who approved exactly what was analysed."""

    @property
    def is_enough(self) -> bool:
        """Returns whether no further approval is needed."""
        return len(self.given) >= self.rules.people

    def why_not(self, person: str) -> str:
        """Returns in one sentence why a person may not approve it; empty when the person may."""
        if self.rules.by_another and (not self.writer or self.writer.startswith(RUN)):
            return "It is not known who wrote it. Save it once at the desk, or name the writer in the form of the run."
        if self.rules.by_another and person == self.writer:
            return f"{person} wrote it; another person has to approve it."
        if person in self.given:
            return f"{person} approved it already; a second person has to approve it too."
        return ""


def standing_of(session: Session, delivery: Delivery) -> Standing:
    """Reads how far the approval of a delivery is."""
    services = deliveries.targets_of(session, delivery)
    analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
    recipients = analysis.messages if delivery.kind is DeliveryKind.DM else 0
    rules, given = rules_for(services, recipients, analysis.cost), _given(session, delivery)
    if rules.is_strict:  # the approval of a person who lost the role since does not count
        given = tuple(one for one in given if (found := _account(session, one)) and _has_role(found, services))
    return Standing(rules, _writer(session, delivery), given)


def _writer(session: Session, delivery: Delivery) -> str:
    """Returns the last person who created or changed a delivery."""
    entries = select(AuditEntry.actor).where(
        col(AuditEntry.delivery_id) == delivery.id, col(AuditEntry.action).in_(_WRITING)
    )
    actor = session.exec(entries.order_by(col(AuditEntry.id).desc()).limit(1)).first() or ""
    account = _account(session, actor)
    return account.user.name if account else actor


def _given(session: Session, delivery: Delivery) -> tuple[str, ...]:
    """Returns who approved what was analysed; an approval of something else does not count."""
    approvals = select(Approval).where(
        col(Approval.delivery_id) == delivery.id, col(Approval.fingerprint) == delivery.analysed_fingerprint
    )
    return tuple(one.person for one in session.exec(approvals.order_by(col(Approval.at), col(Approval.person))))


def _account(session: Session, name: str) -> Person | None:
    """Finds the account of a person by its name, the person's full name or email address; None unless it is one."""
    wanted = name.strip().casefold()
    open_accounts = users.list_users(session)
    by_name = [one for one in open_accounts if one.name == wanted]
    others = [one for one in open_accounts if wanted and wanted in {one.full_name.casefold(), one.email.casefold()}]
    found = by_name or others
    return Person(found[0], users.roles_of(session, found[0])) if len(found) == 1 else None


def may_approve(session: Session, delivery: Delivery, among: Iterable[Person] | None = None) -> list[Person]:
    """Lists the people who may give the next approval, by name; by default of all."""
    standing, services = standing_of(session, delivery), deliveries.targets_of(session, delivery)
    people = among or (Person(one, users.roles_of(session, one)) for one in users.list_users(session))
    return [one for one in people if _has_role(one, services) and not standing.why_not(one.user.name)]


def _has_role(person: Person, services: Sequence[Service]) -> bool:
    return all(person.may(Role.APPROVER, one.id) for one in services)


def add_approval(session: Session, delivery: Delivery, actor: str, now: datetime) -> Standing:
    """Records the approval of a person by the rules; raises NotPossible in one sentence when they do not allow it."""
    standing, services = standing_of(session, delivery), deliveries.targets_of(session, delivery)
    person = actor
    if standing.rules.is_strict:
        account = _account(session, actor)
        if account is None or not _has_role(account, services):
            names = ", ".join(f"@{one.internal_name}" for one in services)
            raise NotPossible(
                f"{delivery.name} has to be approved by a person whose account at the desk may approve for {names};"
                f" {actor!r} is none. Accounts are listed by: campaign user list"
            )
        person = account.user.name
    if sentence := standing.why_not(person):
        raise NotPossible(f"{delivery.name} cannot be approved by {person}: {sentence}")
    fingerprint = delivery.analysed_fingerprint or ""
    session.add(Approval(delivery_id=delivery.id, fingerprint=fingerprint, person=person, at=now))
    return Standing(standing.rules, standing.writer, (*standing.given, person))
