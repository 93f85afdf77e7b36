"""Recovering the profiles of people who agreed: their tokens lie in the vault, are used once, and are revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pendulum
from sqlmodel import Session

from campaign.consent import store
from campaign.contacts import store as contacts
from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, WrongUsage, XError
from campaign.limits.spend_cap import paid
from campaign.services import store as services
from campaign.services.store import app_keys_of
from campaign.settings import load_settings
from campaign.x.error_table import SIGN_IN_OVER
from campaign.x.oauth import Grant, SignIn, sign_in_of
from campaign.x.types import USER_READ, Profile
from models import Agreement, AgreementState, ReconciledBy, SecretKind, Service


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
