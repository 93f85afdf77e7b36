"""Services: the connected X accounts, their settings, how X is called with their keys, and what checks found."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import pendulum
from pydantic import SecretStr
from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.db import vault
from campaign.db.engine import announce, read_session, transaction
from campaign.errors import NotPossible, ServiceBlocked, Unsent, WrongUsage, XError
from campaign.limits.spend_cap import check_calls_open, paid
from campaign.services.fields import SECRETS, Problem, ServiceFields, is_ok, problems_of
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.x.types import Account, Answer, Keys, Price, check_handle
from models import ApiVersion, FormProblem, SecretKind, Service, ServiceState

if TYPE_CHECKING:
    from campaign.x.gateway import Balance, Gateway, PaidClient
    from campaign.x.oauth import AppKeys

FORM = "the form in Prefect"
"""Who the audit names for a form in Prefect, which knows no person."""


def create(session: Session, fields: ServiceFields, now: datetime, actor: str) -> Service:
    """Connects an account, which the audit records; raises WrongUsage when a connected one has its internal name.

    A service that was removed and is made again gets its row back, and with it its visitors.
    """
    known = find(session, fields.internal_name)
    name = known.internal_name if known else fields.internal_name
    exists = WrongUsage(f"The service {name} exists; change it with: campaign service edit {name}")
    if known and known.is_connected:
        raise exists
    service = known or Service(**fields.columns())
    service.removed_at = None
    users.record_audit(session, actor, f"service {name}", "connected", now)
    return _save(session, service, fields, now, exists)


def change(session: Session, service: Service, fields: ServiceFields, now: datetime, actor: str) -> Service:
    """Changes a service; raises WrongUsage when another connected one has its internal name.

    The audit records the names of the fields that changed.
    Its row stays through a change of the internal name: the account was renamed, its followers are the same. Equal
    values are no change, after which X would be asked about the keys again.
    """
    before = vault.read(session, SecretKind.SERVICE_KEYS, service.id) or {}
    changed = [name for name, value in fields.columns().items() if getattr(service, name) != value]
    changed += [name for name, value in fields.secrets().items() if before.get(name) != value]
    if not changed and before == fields.secrets():
        return service
    users.record_audit(
        session, actor, f"service {service.internal_name}", "changed", now, f"Changed: {', '.join(changed)}."
    )
    taken = WrongUsage(f"Two services have the internal name {fields.internal_name}; remove one of them.")
    return _save(session, service, fields, now, taken)


def _save(session: Session, service: Service, fields: ServiceFields, now: datetime, taken: WrongUsage) -> Service:
    for name, value in fields.columns().items():
        setattr(service, name, value)
    service.saved_at = now
    try:
        with session.begin_nested():
            session.add(service)
    except IntegrityError:  # a connected service has this name
        raise taken from None
    vault.save(session, SecretKind.SERVICE_KEYS, service.id, fields.secrets(), now)
    name = service.internal_name
    announce(session, "service.saved", f"service.{name}", f"{name} is saved; its keys are checked with the next run.")
    return service


def read_values(session: Session, service: Service) -> dict[str, Any]:
    """Returns all fields of a service as `read_fields` takes them, keys included; raises WrongUsage for a lost key."""
    from campaign.services.fields import ServiceFields

    values = {name: getattr(service, name) for name in ServiceFields.model_fields if hasattr(service, name)}
    return values | (vault.read(session, SecretKind.SERVICE_KEYS, service.id) or {})


def remove(session: Session, service: Service, now: datetime, actor: str) -> None:
    """Disconnects an account and deletes its keys, which the audit records; its visitors stay."""
    users.record_audit(session, actor, f"service {service.internal_name}", "disconnected", now)
    service.removed_at, service.block_id, service.x_user_id = now, None, None
    announce(session, "service.removed", f"service.{service.internal_name}", f"{service.internal_name} is removed.")
    service.state = ServiceState.UNCHECKED
    vault.delete(session, SecretKind.SERVICE_KEYS, service.id)
    session.add(service)


def get(session: Session, service_id: int) -> Service:
    """Reads one service."""
    return session.get_one(Service, service_id)


def list_known(session: Session) -> list[Service]:
    """Lists all services, removed ones included."""
    return list(session.exec(select(Service)))


def list_connected(session: Session) -> list[Service]:
    """Lists the connected services by internal name."""
    connected = select(Service).where(col(Service.removed_at).is_(None))
    return list(session.exec(connected.order_by(func.lower(col(Service.internal_name)))))


def find(session: Session, internal_name: str) -> Service | None:
    """Finds a service by its internal name, in any case; a connected one before one that was removed."""
    named = select(Service).where(func.lower(col(Service.internal_name)) == internal_name.lower())
    return session.scalar(named.order_by(col(Service.removed_at).is_not(None)))


def connected_to(session: Session, account: Account, but: Service) -> str | None:
    """Finds the internal name of another service that is connected to this account."""
    other = select(Service.internal_name).where(col(Service.x_user_id) == account.user_id, col(Service.id) != but.id)
    return session.scalar(other)


def record_check(
    session: Session, service: Service, account: Account | None, problems: Iterable[Problem], now: datetime
) -> None:
    """Records what a check found; the account of a service that is not its own is not saved."""
    problems, before = list(problems), service.state
    service.state = ServiceState.OK if is_ok(problems) else ServiceState.NEEDS_ATTENTION
    if service.state is not before:
        _announce_state(session, service)
    service.problems = "\n".join(problem.sentence for problem in problems)
    service.checked_at = now
    service.blocked = any(problem.blocks for problem in problems)
    if account:
        service.rejected_since = None
    if account and not service.blocked:
        service.x_user_id = account.user_id
        service.x_username = account.username
        service.x_name = account.name
        service.picture_url = account.picture_url
        service.followers_count = account.followers_count
        service.protected = account.protected
        service.access_level = account.access_level
        service.longest_post = account.longest_post
    session.add(service)


def mark_blocked(session: Session, service: Service, sentence: str) -> None:
    """Records that X refuses all requests of this service, until a check succeeds again."""
    before = service.state
    service.state, service.blocked, service.problems = ServiceState.NEEDS_ATTENTION, True, sentence
    if service.state is not before:
        _announce_state(session, service)
    session.add(service)


def _announce_state(session: Session, service: Service) -> None:
    name, state = service.internal_name, service.state
    says = f"X accepts {name}." if state is ServiceState.OK else f"{name} needs attention: campaign service list"
    announce(session, f"service.{state.value}", f"service.{name}", says)


def zone_of(*services: Service) -> str:
    """Returns the time zone of the first of the services that has one, else that of the installation."""
    return next((one.timezone for one in services if one.timezone), load_settings().timezone)


@dataclass(frozen=True, slots=True)
class Services:
    """Connected services, and a sentence for each form in Prefect's UI that cannot be used."""

    services: list[Service]
    problems: list[str] = field(default_factory=list)


def connected_services() -> Services:
    """Reads the connected services."""
    with read_session() as session:
        problems = session.exec(select(FormProblem.sentence).order_by(col(FormProblem.sentence)))
        return Services(list_connected(session), list(problems))


def find_service(internal_name: str) -> Service:
    """Finds a connected service; raises WrongUsage when there is none of this internal name."""
    check_handle(internal_name)
    return _pick(connected_services(), internal_name)


def choose_services(internal_names: Sequence[str]) -> Services:
    """Finds the services to synchronise: those named, or all with *Synchronize subscriptions*; raises WrongUsage."""
    for name in internal_names:
        check_handle(name)
    known = connected_services()
    if internal_names:
        named = {service.id: service for service in (_pick(known, name) for name in internal_names)}
        return Services(list(named.values()))
    chosen = [service for service in known.services if service.synchronize]
    if not chosen and not known.problems:
        raise WrongUsage(
            "No service has Synchronize subscriptions ticked; tick it in the form of a service, or name the services."
            if known.services
            else "There is no service yet; create one with `campaign service create HANDLE`,"
            " or in the Prefect UI under Blocks: add a Twitter service."
        )
    return Services(chosen, known.problems)


def _pick(known: Services, internal_name: str) -> Service:
    for service in known.services:
        if service.internal_name.lower() == internal_name.lower():
            return service
    for problem in known.problems:
        if internal_name.lower() in problem.lower():
            raise WrongUsage(problem)
    names = ", ".join(sorted(service.internal_name for service in known.services)) or "none yet"
    raise WrongUsage(f"There is no service {internal_name}; there are: {names}.")


T = TypeVar("T")

#: X was seen to reject good keys for two hours: so long must it reject keys that it accepted before.
REJECTED_FOR = timedelta(hours=3)
_ASKED_AGAIN = timedelta(minutes=15)
_REJECTED = "keys_rejected"
#: After this time X is asked again about a service that works.
CHECKED_FOR = timedelta(hours=24)
_ACCOUNT = "reading the account"


def gateway_of(service: Service) -> "Gateway":
    """Connects to X with the keys of a service; raises NotPossible when it was removed, WrongUsage for a lost key."""
    if not service.is_connected:
        raise NotPossible(f"The service {service.internal_name} has been removed.")
    return _connect(service.id, service.saved_at, service.api_version, service.owned)


def client_of(service: Service) -> "PaidClient":
    """Connects as a `tweepy.Client`, for other programs, whose calls are paid from the spend cap of the service.

    Where X allows no more calls to an endpoint, or the cap none, a call raises Unsent or ServiceBlocked unmade.
    Raises NotPossible when the service was removed, WrongUsage for a lost key.
    """
    from campaign.x.gateway import PaidClient

    if not service.is_connected:
        raise NotPossible(f"The service {service.internal_name} has been removed.")

    def pay(endpoint: str, price: Price, resources: int, call: Callable[[], Answer[T]]) -> T:
        check_calls_open(service, endpoint, pendulum.now("UTC"))
        return paid(service, f"{endpoint} {uuid4()}", price, call, resources)

    secrets = _secrets_of(service.id)
    keys = Keys(*(secrets[name] for name in SECRETS[:4]))
    return PaidClient(keys, load_settings().x_api_url, pay, partial(_judge_rejection, service.id))


@lru_cache(maxsize=1000)
def _connect(service_id: int, _saved_at: datetime | None, api_version: ApiVersion, owned: bool) -> "Gateway":
    """Connects once per process and change of the service: steps that follow each other share the connection."""
    from campaign.x.gateway import connect

    secrets = _secrets_of(service_id)
    keys = Keys(*(secrets[name] for name in SECRETS[:4]))
    return connect(
        keys,
        api_version=api_version,
        owned=owned,
        base_url=load_settings().x_api_url,
        on_rejected=partial(_judge_rejection, service_id),
    )


def _judge_rejection(service_id: int, error: ServiceBlocked) -> XError:
    """Returns `error` when X has rejected the keys for hours, or never accepted them; otherwise to ask again later."""
    now: datetime = pendulum.now("UTC")
    with transaction() as session:
        service = get(session, service_id)
        is_new = service.checked_at is None or (service.saved_at is not None and service.saved_at > service.checked_at)
        if service.rejected_since is None and (is_new or service.blocked or service.state is ServiceState.UNCHECKED):
            return error
        service.rejected_since = since = service.rejected_since or now
        session.add(service)
    if now - since >= REJECTED_FOR:
        return error
    retry_at = now + _ASKED_AGAIN
    return Unsent(
        f"X rejects the keys of {service.internal_name} since {since:%Y-%m-%d %H:%M} UTC, which it accepted before;"
        f" it is asked again at {retry_at:%H:%M} UTC.",
        reason=_REJECTED,
        retry_at=retry_at,
        remedy=error.remedy,
        receipts=error.receipts,
    )


def app_keys_of(service: Service) -> "AppKeys":
    """Reads the keys of the developer app that people sign in with; raises WrongUsage when the service was removed."""
    if not service.is_connected:
        raise WrongUsage(f"The service {service.internal_name} has been removed.")
    from campaign.x.oauth import AppKeys

    secrets = _secrets_of(service.id)
    return AppKeys(*(secrets[name] for name in ("consumer_key", "consumer_secret", "client_id", "client_secret")))


def read_balance(service: Service) -> "Balance | None":
    """Reads the credits that X has left for the developer app of a service; None where X does not show them.

    Two free calls. Raises XError when X cannot be asked, WrongUsage for lost keys.
    """
    from campaign.x import gateway

    secrets = _secrets_of(service.id)
    return gateway.read_balance(secrets["consumer_key"], secrets["consumer_secret"], load_settings().x_api_url)


def _secrets_of(service_id: int) -> dict[str, SecretStr]:
    with read_session() as session:
        values = vault.read(session, SecretKind.SERVICE_KEYS, service_id)
        if values is None:
            name = get(session, service_id).internal_name
            raise WrongUsage(f"The keys of {name} are missing; enter them with: campaign service edit {name} --keys")
    return {name: SecretStr(values.get(name, "")) for name in SECRETS}


def check_if_due(service: Service) -> Service:
    """Asks X, at most daily, whether the keys of a service work; returns the service as it is stored now.

    Raises ServiceBlocked when they do not, and any XError when X cannot be asked.
    """
    if not is_freshly_checked(service, pendulum.now("UTC")):
        blocking = [problem.sentence for problem in check_keys(service) if problem.blocks]
        if blocking:
            raise ServiceBlocked(" ".join(blocking), reason="check", remedy="")
    with read_session() as session:
        service = get(session, service.id)
    if service.rejected_since:
        raise Unsent(service.problems, reason=_REJECTED, retry_at=pendulum.now("UTC") + _ASKED_AGAIN)
    return service


def is_freshly_checked(service: Service, now: datetime) -> bool:
    """Returns whether the last check blocked nothing, is less than a day old and newer than the last change."""
    if service.state is ServiceState.UNCHECKED or service.blocked or service.rejected_since or not service.checked_at:
        return False
    is_recent = service.checked_at > now - CHECKED_FOR
    return is_recent and (service.saved_at is None or service.saved_at < service.checked_at)


def check_keys(service: Service) -> list[Problem]:
    """Asks X about a service and records the answer; raises XError when X cannot be asked."""
    account: Account | None = None
    try:
        gateway = gateway_of(service)
        account = paid(service, _ACCOUNT, gateway.account_price, gateway.me)
        with read_session() as session:
            owner = connected_to(session, account, service)
        problems = problems_of(service, account, owner)
    except ServiceBlocked as refusal:
        if refusal.reason == "cap":
            raise
        problems = [Problem(refusal.sentence, blocks=True)]
    except Unsent as rejection:
        if rejection.reason != _REJECTED:
            raise
        problems = [Problem(rejection.sentence)]
    with transaction() as session:
        record_check(session, get(session, service.id), account, problems, pendulum.now("UTC"))
    return problems
