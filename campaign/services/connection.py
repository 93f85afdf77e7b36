"""Connecting to X as a service: its keys from the vault, and the check of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import pendulum
from pydantic import SecretStr

from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.errors import NotPossible, ServiceBlocked, Unsent, WrongUsage, XError
from campaign.limits.spend_cap import check_calls_open, paid
from campaign.services import store
from campaign.services.check import Problem, problems_of
from campaign.services.fields import SECRETS
from campaign.settings import load_settings
from campaign.x.types import Account, Answer, Keys, Price
from models import ApiVersion, SecretKind, Service, ServiceState

if TYPE_CHECKING:
    from campaign.x.billing import Balance
    from campaign.x.client import PaidClient
    from campaign.x.gateway import Gateway
    from campaign.x.oauth import AppKeys

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
    from campaign.x.client import PaidClient

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
        service = store.get(session, service_id)
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
    from campaign.x import billing

    secrets = _secrets_of(service.id)
    return billing.read_balance(secrets["consumer_key"], secrets["consumer_secret"], load_settings().x_api_url)


def _secrets_of(service_id: int) -> dict[str, SecretStr]:
    with read_session() as session:
        values = vault.read(session, SecretKind.SERVICE_KEYS, service_id)
        if values is None:
            name = store.get(session, service_id).internal_name
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
        service = store.get(session, service.id)
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
            owner = store.connected_to(session, account, service)
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
        store.record_check(session, store.get(session, service.id), account, problems, pendulum.now("UTC"))
    return problems
