"""Tasks of contact acquisition: invitations, profiles of those who agreed, tokens that are over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound

from campaign.consent import agreements
from campaign.contacts import report as acquisitions
from campaign.contacts import store as contacts
from campaign.contacts.report import Acquisition, as_markdown
from campaign.db.engine import reading, writing
from campaign.deliveries import store as deliveries
from campaign.errors import NotPossible, Refused, ServiceBlocked, Unsent, WrongUsage, XError
from campaign.limits.spend_cap import paid
from campaign.services import store as services
from campaign.services.check import sentence_of
from campaign.settings import load_settings
from campaign.x.oauth import SignIn, sign_in_of
from campaign.x.prices import USER_READ
from campaign.x.types import Profile
from models import Agreement, AgreementState, Delivery, DeliveryKind, ReconciledBy, Service
from tasks import grants
from tasks.deliveries import Steps, ask_where_needed
from tasks.dm_broadcast import BROADCAST_STEPS
from tasks.forms import MessageInvitationForm, PostInvitationForm
from tasks.grants import KeptGrant
from tasks.post_publication import POST_STEPS, compose_from, name_run_after
from tasks.twitter_service import app_keys_of

_NO_SERVICE = "The service was removed before the profile was read."


def sign_in_with(service: Service, scopes: str) -> SignIn:
    """The way to use a token that was granted these scopes; raises WrongUsage when its service was removed."""
    if service.block_id is None:
        raise WrongUsage(_NO_SERVICE)
    return sign_in_of(app_keys_of(service.block_id), load_settings().x_api_url, asks_email="users.email" in scopes)


def end_tokens(kept: Mapping[int, UUID]) -> None:
    """End those of the kept tokens, by agreement, that nothing is read with any more; X away: the next time."""
    with reading() as session:
        needed = agreements.still_waiting(session, list(kept))
    for agreement_id, document_id in kept.items():
        if agreement_id not in needed:
            _end(document_id)


def _end(document_id: UUID) -> None:
    token = grants.read(document_id)
    if token is None or _is_revoked(token):
        grants.forget(document_id)


def _is_revoked(token: KeptGrant) -> bool:
    """Whether the token opens nothing any more, or nobody can make that so."""
    try:
        with reading() as session:
            service = services.get(session, token.service_id)
        sign_in_with(service, token.grant.scopes).revoke(token.grant)
    except (Refused, ServiceBlocked, WrongUsage):
        return True
    except XError:
        return False
    return True


#: The page hands a token over a moment after it wrote the agreement; after this long it never will.
_HAND_OVER = timedelta(minutes=10)
_LOST = "The token of this agreement was lost; the person may say yes again."
_OTHER_PERSON = "X named another person than the one who agreed."
#: When X is away it is asked again after this long: a token is good for two hours.
_AGAIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of the agreements whose profiles were to be read."""

    recovered: int = 0
    reconciled: int = 0
    """Of those, people who were known already."""
    failed: int = 0
    waiting: int = 0
    """X was away, the spend cap reached, or the app's keys are wrong: these are read later."""
    problems: tuple[str, ...] = ()
    """A sentence for each kind of failure, or reason to wait."""
    again_at: datetime | None = None
    """When it is worth trying again, for those that wait for X."""


@dataclass(frozen=True, slots=True)
class _End:
    """What became of one."""

    state: AgreementState
    reconciled: bool = False
    problem: str = ""
    again_at: datetime | None = None


def recover_profiles() -> Recovered:
    """Read and keep the profiles of all who agreed, then make the tokens worthless and forget them.

    What X does not answer now stays for the next time, token included.
    """
    kept = grants.kept()
    with reading() as session:
        waiting = agreements.waiting(session)
    found = _sum([_recover(agreement, kept.get(agreement.id)) for agreement in waiting])
    end_tokens(kept)
    return found


def _sum(ends: list[_End]) -> Recovered:
    times = [end.again_at for end in ends if end.again_at]
    return Recovered(
        recovered=sum(end.state is AgreementState.RECOVERED for end in ends),
        reconciled=sum(end.reconciled for end in ends),
        failed=sum(end.state is AgreementState.FAILED for end in ends),
        waiting=sum(end.state is AgreementState.AGREED for end in ends),
        problems=tuple(dict.fromkeys(end.problem for end in ends if end.problem)),
        again_at=min(times, default=None),
    )


def _recover(agreement: Agreement, document_id: UUID | None) -> _End:
    now = pendulum.now("UTC")
    kept = grants.read(document_id) if document_id else None
    if kept is None:
        return _fail(agreement, _LOST) if agreement.agreed_at + _HAND_OVER < now else _End(AgreementState.AGREED)
    with reading() as session:
        service = services.get(session, agreement.service_id)
    try:
        sign_in = sign_in_with(service, kept.grant.scopes)
        purpose = f"recovering agreement {agreement.id}"
        profile = paid(service, purpose, USER_READ, lambda: sign_in.profile(kept.grant))
    except (Refused, WrongUsage) as error:
        return _fail(agreement, str(error))
    except XError as error:
        return _End(
            AgreementState.AGREED, problem=f"{service.label}: {sentence_of(error)}", again_at=_again(error, now)
        )
    if profile.external_id != agreement.external_id:
        return _fail(agreement, _OTHER_PERSON)
    return _keep(agreement, service, profile)


def _again(error: XError, now: datetime) -> datetime | None:
    if isinstance(error, ServiceBlocked):
        return None  # somebody has to act first
    return (isinstance(error, Unsent) and error.retry_at) or now + _AGAIN


def _keep(agreement: Agreement, service: Service, profile: Profile) -> _End:
    """Keep a profile, unless the person took the agreement back meanwhile."""
    keys = contacts.keys_of(service.reconciliation)
    with writing() as session:
        row = agreements.lock(session, agreement.id)
        if row is None:
            return _End(AgreementState.WITHDRAWN)
        now = pendulum.now("UTC")
        contact, told_by = contacts.learn(session, profile, keys, now, may_link=row.may_link)
        row.contact_id, row.reconciled_by, row.recovered_at, row.reason = contact.id, told_by, now, ""
        row.become(AgreementState.RECOVERED)
        session.add(row)
    return _End(AgreementState.RECOVERED, reconciled=told_by is not ReconciledBy.NOTHING)


def _fail(agreement: Agreement, sentence: str) -> _End:
    with writing() as session:
        if row := agreements.lock(session, agreement.id):
            row.reason = sentence
            row.become(AgreementState.FAILED)
            session.add(row)
    return _End(AgreementState.FAILED, problem=sentence)


_WORKFLOWS = {
    DeliveryKind.DM: "dm-broadcast/dm-broadcast",
    DeliveryKind.POST: "post-publication/post-publication",
}
_STEPS: dict[DeliveryKind, Steps] = {DeliveryKind.DM: BROADCAST_STEPS, DeliveryKind.POST: POST_STEPS}


@task(name="recover profiles")
def recover() -> Recovered:
    """Read and keep the profiles of all who agreed, and make the tokens worthless that they had given."""
    return recover_profiles()


def invite(form: MessageInvitationForm | PostInvitationForm) -> Delivery:
    """From a form to a confirmed invitation; the run is suspended while a person is asked."""
    name = compose_from(form)
    name_run_after([name])
    delivery = _delivery(name)
    ask_where_needed(name, _STEPS[delivery.kind])
    return delivery


def _delivery(name: str) -> Delivery:
    with reading() as session:
        return deliveries.named(session, name)


@task(name="hand over", task_run_name="hand over {delivery.name}")
def hand_over(delivery: Delivery) -> str:
    """Start the workflow that sends deliveries of this kind, once however often this run is started; says which.

    Raises NotPossible where that workflow was never deployed.
    """
    workflow = _WORKFLOWS[delivery.kind]
    try:
        run_deployment(
            workflow,
            flow_run_name=delivery.name,
            parameters={"delivery": delivery.name},
            timeout=0,
            as_subflow=False,
            idempotency_key=f"{runtime.flow_run.id} {delivery.name}",
        )
    except ObjectNotFound:
        raise NotPossible(
            f"{delivery.name} is confirmed and {workflow} is not deployed: campaign delivery send {delivery.name}"
        ) from None
    return workflow.partition("/")[0]


@task(name="report")
def report() -> list[Acquisition]:
    """Show how many contacts each service won, and how far people came with each invitation."""
    with reading() as session:
        everything = [acquisitions.acquisition_of(session, service) for service in services.all_known(session)]
    found = [one for one in everything if one.contacts or one.invitations]
    create_markdown_artifact(
        markdown=as_markdown(found),
        key="contact-acquisition",
        description="Contacts won, and what invitations brought.",
    )
    return found
