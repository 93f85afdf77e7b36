"""Finding the saved services, and asking X what it thinks of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import pendulum
from prefect import task

from campaign.db import engine
from campaign.db.engine import reading, writing
from campaign.errors import NotPossible, ServiceBlocked, WrongUsage
from campaign.limits.spend_cap import paid
from campaign.services import store as services
from campaign.services.check import Problem, problems_of, sentence_of
from campaign.settings import load_settings
from campaign.x.gateway import Gateway, connect
from campaign.x.types import Account, check_handle
from models import ApiVersion, Service, ServiceState
from tasks.continuation import RETRIES
from tasks.twitter_service import describe, keys_of, read_form, saved_documents

#: X is asked again about a service that is well after this many hours.
CHECK_HOURS = 24
_ACCOUNT = "reading the account"


@dataclass(frozen=True, slots=True)
class SavedServices:
    """The rows of all saved services, and a sentence for each saved form that cannot be used."""

    services: list[Service]
    problems: list[str]


def saved_services() -> SavedServices:
    """Read the saved forms and bring the table of services in line with them."""
    forms, problems, seen = [], [], set[str]()
    documents = saved_documents()
    for document in documents:
        try:
            form = describe(document, read_form(document))
        except WrongUsage as error:
            problems.append(str(error))
            continue
        if form.internal_name.lower() in seen:
            problems.append(f"Two services have the internal name {form.internal_name}; remove one of them.")
            continue
        seen.add(form.internal_name.lower())
        forms.append(form)
    with writing() as session:
        return SavedServices(services.remember(session, forms, [str(document.id) for document in documents]), problems)


def find_service(internal_name: str) -> Service:
    """Find one saved service; raises WrongUsage in one sentence when there is none."""
    check_handle(internal_name)
    return _pick(saved_services(), internal_name)


def _pick(saved: SavedServices, internal_name: str) -> Service:
    for service in saved.services:
        if service.internal_name.lower() == internal_name.lower():
            return service
    for problem in saved.problems:
        if internal_name.lower() in problem.lower():
            raise WrongUsage(problem)
    names = ", ".join(sorted(service.internal_name for service in saved.services)) or "none yet"
    raise WrongUsage(f"There is no service {internal_name}; there are: {names}.")


def choose(internal_names: Sequence[str]) -> SavedServices:
    """The services to synchronise: those named, or all with *Synchronize subscriptions*; raises WrongUsage."""
    for name in internal_names:
        check_handle(name)
    saved = saved_services()
    if internal_names:
        named = {service.id: service for service in (_pick(saved, name) for name in internal_names)}
        return SavedServices(list(named.values()), [])
    chosen = [service for service in saved.services if service.synchronize]
    if not chosen and not saved.problems:
        raise WrongUsage(
            "No service has Synchronize subscriptions ticked; tick it in the form of a service, or name the services."
            if saved.services
            else "There is no service yet; make one with `campaign service create HANDLE`,"
            " or in the Prefect UI under Blocks: add a Twitter service."
        )
    return SavedServices(chosen, saved.problems)


@task(name="choose services", task_run_name="choose services")
def choose_services(internal_names: Sequence[str]) -> SavedServices | WrongUsage:
    """Find the services to synchronise; what is wrong with the choice is returned, to be shown as one sentence."""
    try:
        engine.make_ready()
        return choose(internal_names)
    except WrongUsage as error:
        return error


def gateway_of(service: Service) -> Gateway:
    """Connect to X with the keys of a service, read from its saved form."""
    if service.block_id is None:
        raise NotPossible(f"The service {service.internal_name} has been removed.")
    return _connect(service.block_id, service.saved_at, service.api_version, service.owned)


@lru_cache(maxsize=1000)
def _connect(block_id: str, _saved_at: datetime | None, api_version: ApiVersion, owned: bool) -> Gateway:
    """Connect once per process and saved form: steps that follow each other share the connection."""
    return connect(keys_of(block_id), api_version=api_version, owned=owned, base_url=load_settings().x_api_url)


@task(name="check service", task_run_name="check {service.internal_name}", **RETRIES)
def check_service(service: Service) -> Service:
    """Ask X, at most daily, whether the keys of a service work; returns the service as it is known now."""
    if not is_freshly_checked(service, pendulum.now("UTC")):
        blocking = [problem.sentence for problem in check_keys(service) if problem.blocks]
        if blocking:
            raise ServiceBlocked(" ".join(blocking), reason="check_keys", remedy="")
    with reading() as session:
        return services.get(session, service.id)


def is_freshly_checked(service: Service, now: pendulum.DateTime) -> bool:
    """Whether the last check found nothing that blocks, is less than a day old and newer than the form."""
    if service.state is ServiceState.UNCHECKED or service.blocked or service.checked_at is None:
        return False
    is_recent = service.checked_at > now.subtract(hours=CHECK_HOURS)
    return is_recent and (service.saved_at is None or service.saved_at < service.checked_at)


def check_keys(service: Service) -> list[Problem]:
    """Ask X about a service and keep what it says; raises XError when X cannot be asked, for whatever reason."""
    account: Account | None = None
    try:
        gateway = gateway_of(service)
        account = paid(service, _ACCOUNT, gateway.account_price, gateway.me)
        with reading() as session:
            owner = services.connected_to(session, account, service)
        problems = problems_of(service, account, owner)
    except ServiceBlocked as refusal:
        if refusal.reason == "cap":
            raise
        problems = [Problem(sentence_of(refusal), blocks=True)]
    with writing() as session:
        services.record_check(session, services.get(session, service.id), account, problems, pendulum.now("UTC"))
    return problems
