"""The saved forms of services, for the commands that read and change them. Needs Prefect's settings in place."""

from itertools import count
from typing import Any
from uuid import UUID

import pendulum
from prefect.client.orchestration import get_client
from pydantic import ValidationError

from campaign.cli.service_rows import ServiceRow
from campaign.domain.check import sentence_of
from campaign.errors import NotPossible, ServiceBlocked, Uncertain, Unsent, WrongUsage
from campaign.store import ledgers
from campaign.store.engine import reading
from campaign.x.keys import problem_of
from models import Service
from tasks.services import check, find_service, saved_services
from tasks.twitter_service import TwitterService, block_name, saved_documents


def one_named(handle: str) -> ServiceRow:
    """Find one saved service; raises WrongUsage when there is none."""
    return _with_spending(find_service(handle))


def list_all() -> tuple[list[ServiceRow], list[str]]:
    """All saved services by name, and a sentence for each form that cannot be used."""
    saved = saved_services()
    rows = sorted(saved.services, key=lambda service: service.internal_name.lower())
    return [_with_spending(service) for service in rows], saved.problems


def save_new(values: dict[str, Any]) -> ServiceRow:
    """Save the form of a new service; raises WrongUsage when there is one of that name or the keys cannot work."""
    handle = values["internal_name"]
    taken = {service.internal_name.lower() for service in saved_services().services}
    if handle.lower() in taken:
        raise WrongUsage(f"The service {handle} exists; change it with: campaign service edit {handle}")
    _save(values, _free_name(handle), overwrite=False)
    return one_named(handle)


def _free_name(handle: str) -> str:
    """A name for a form; the obvious one may still be that of a service that was renamed."""
    taken, wanted = {str(document.name) for document in saved_documents()}, block_name(handle)
    return next(name for number in count(1) if (name := f"{wanted}-{number}" if number > 1 else wanted) not in taken)


def save_changed(handle: str, changes: dict[str, Any]) -> ServiceRow:
    """Save the form of a service with some fields changed."""
    service = find_service(handle)
    with get_client(sync_client=True) as client:
        document = client.read_block_document(UUID(service.block_id), include_secrets=True)
    _save(document.data | changes, str(document.name), overwrite=True)
    return one_named(changes.get("internal_name", handle))


def save_any(values: dict[str, Any]) -> None:
    """Save the form of a service, whether there is one of its name or not."""
    _save(values, block_name(values["internal_name"]), overwrite=True)


def _save(values: dict[str, Any], name: str, *, overwrite: bool) -> None:
    try:
        form = TwitterService.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = TwitterService.model_fields[str(first["loc"][0])].title
        raise WrongUsage(f"{field} cannot be used: {first['msg']}.") from None
    if problem := problem_of(form.four_keys()):
        raise WrongUsage(problem)
    TwitterService.register_type_and_schema()
    form.save(name, overwrite=overwrite)


def check_one(handle: str) -> ServiceRow:
    """Ask X about one service now; raises WrongUsage when X cannot be asked."""
    try:
        check(find_service(handle))
    except (Unsent, Uncertain) as error:
        raise WrongUsage(str(error)) from None
    except ServiceBlocked as error:
        raise NotPossible(sentence_of(error)) from None
    return one_named(handle)


def forget(row: ServiceRow) -> None:
    """Delete the saved form, keys included."""
    with get_client(sync_client=True) as client:
        client.delete_block_document(UUID(row.service.block_id))
    saved_services()


def _with_spending(service: Service) -> ServiceRow:
    with reading() as session:
        return ServiceRow(service, ledgers.spent(session, service.id, pendulum.now("UTC")))
