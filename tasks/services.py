"""The form of a service in the Prefect UI: what is saved there is taken over into our own database."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, cast
from uuid import UUID

import httpx
import orjson
import pendulum
from prefect import task
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.logging import get_run_logger
from sqlmodel import Session, col, delete, select

from campaign.db import vault
from campaign.db.engine import make_ready, read_session, transaction
from campaign.db.locks import Claim, claim
from campaign.errors import AlreadyRunning, NotPossible, WrongUsage
from campaign.services import connection, store
from campaign.services import store as services
from campaign.services.fields import SECRETS, ServiceFields, block_name, read_fields
from campaign.services.store import Services
from models import FormProblem, SecretKind, Service
from tasks.continuation import RETRIES

SLUG = "twitter-service"
#: Begins the texts that take the place of secrets in a form, which the vault has.
TAKEN_OVER = "taken over at "
#: Where tokens of people who agreed were kept before there was a vault.
_GRANT_SLUG = "contact-grant"
#: The most that Prefect's server lists at once.
_PAGE = 200
_LOST_KEY = (
    "The Prefect server cannot read the forms of services: its encryption key was lost or changed. Put the file"
    " encryption.key of the campaign home back from your backup and start the server again; without it, run `prefect"
    " block type delete twitter-service` and `campaign deploy`. The keys of services that were taken over are safe."
)


class TwitterService(Block, ServiceFields):
    """One connected X account. Save this form: its keys are taken over within seconds, or by the next run."""

    _block_type_name: ClassVar[str] = "Twitter service"
    _block_type_slug: ClassVar[str] = SLUG
    _description: ClassVar[str] = "One connected X account: its followers, its posts and its direct messages."


@task(name="choose services", task_run_name="choose services")
def choose_services(internal_names: Sequence[str]) -> Services | WrongUsage:
    """Finds the services to synchronise; what is wrong with the choice is returned, to be shown as one sentence."""
    try:
        make_ready()
        take_over_forms.fn()
        return store.choose_services(internal_names)
    except WrongUsage as error:
        return error


@task(name="check service", task_run_name="check {service.internal_name}", **RETRIES)
def check_service(service: Service) -> Service:
    """Asks X, at most daily, whether the keys of a service work; returns the service as it is known now."""
    return connection.check_if_due(service)


@task(name="take over forms", task_run_name="take over forms")
def take_over_forms() -> None:
    """Takes over what was saved in the forms of services; a run goes on with what is known where that fails."""
    try:
        take_over()
    except (NotPossible, httpx.HTTPError, PrefectHTTPStatusError) as error:
        get_run_logger().warning("The forms of services were not taken over: %s", error)


def take_over() -> None:
    """Brings the table of services in line with their forms on this server, and the forms with the table.

    A form that cannot be used is kept as a problem, with everything that is wrong with it. Raises NotPossible when the
    server cannot decrypt the forms.
    """
    with _alone(), get_client(sync_client=True) as client:
        try:
            type_id = client.read_block_type_by_slug(SLUG).id
        except ObjectNotFound:
            return  # nothing was ever deployed here
        documents = {str(document.id): document for document in _list_documents(client, SLUG)}
        problems = {key: sentence for key, one in documents.items() if (sentence := _take_over_one(client, one))}
        with transaction() as session:
            session.execute(delete(FormProblem))
            session.add_all(FormProblem(block_id=key, sentence=sentence) for key, sentence in problems.items())
            shown = services.list_connected(session)
        for service in shown:
            if service.block_id not in documents:
                _remove_or_show(client, service, type_id)
        _take_over_grants(client)


@contextmanager
def _alone() -> Iterator[None]:
    """Lets one process at a time take over forms; a second one waits for the first."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with claim(0, "The forms of services", Claim.FORMS):
                yield
                return
        except AlreadyRunning:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _list_documents(client: SyncPrefectClient, slug: str) -> list[BlockDocument]:
    found: list[BlockDocument] = []
    try:
        while len(page := client.read_block_documents_by_type(slug, len(found), _PAGE, include_secrets=True)) == _PAGE:
            found += page
    except PrefectHTTPStatusError as error:
        if error.response.status_code == httpx.codes.NOT_FOUND:
            return []
        if error.response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            raise NotPossible(_LOST_KEY) from None
        raise
    return [*found, *page]


def _take_over_one(client: SyncPrefectClient, document: BlockDocument) -> str | None:
    """Takes over a form that a person changed, or shows in it what was changed elsewhere; returns what is wrong."""
    with read_session() as session:
        service = session.scalar(select(Service).where(col(Service.block_id) == str(document.id)))
        is_changed = service is None or service.form_seen_at != document.updated
        if service is None and _is_taken_over(document):
            # The table is newer: while this form was out of use, the service was changed elsewhere, or removed.
            service = services.find(session, str(document.data.get("internal_name")))
            is_changed = service is None
    if service and not service.is_connected:
        client.delete_block_document(document.id)
        return None
    if service is None or is_changed:
        try:
            service = _save(document, service)
        except WrongUsage as error:
            return f"The service saved as {document.name!r} cannot be used: {error}"
    elif service.block_id == str(document.id) and service.form_shows_at == service.saved_at:
        return None
    _show(client, service, document.id)
    return None


def _is_taken_over(document: BlockDocument) -> bool:
    return all(str(document.data.get(name)).startswith(TAKEN_OVER) for name in SECRETS[:4])


def _save(document: BlockDocument, service: Service | None) -> Service:
    with transaction() as session:
        values = dict(document.data)
        service = service or _without_form(session, str(values.get("internal_name")), document)
        known = (vault.read(session, SecretKind.SERVICE_KEYS, service.id) or {}) if service else {}
        for name in SECRETS:
            if str(values.get(name)).startswith(TAKEN_OVER):
                values[name] = known.get(name, "")
        fields, now = read_fields(values), pendulum.now("UTC")
        if service is None:
            return services.create(session, fields, now)
        return services.change(session, services.get(session, service.id), fields, now)


def _without_form(session: Session, internal_name: str, document: BlockDocument) -> Service | None:
    """Finds the connected service of this name that has no form on this server."""
    service = services.find(session, internal_name)
    is_free = service and service.is_connected and service.form_type_id != str(document.block_type_id)
    return service if is_free else None


def _remove_or_show(client: SyncPrefectClient, service: Service, type_id: UUID) -> None:
    """Removes a service whose form was removed on this server; makes one for a service that never had one here."""
    if service.form_type_id == str(type_id):
        with transaction() as session:
            services.remove(session, services.get(session, service.id), pendulum.now("UTC"))
        return
    wanted, names = block_name(service.internal_name), {str(one.name) for one in _list_documents(client, SLUG)}
    name = next(
        name
        for number in range(1, len(names) + 2)
        if (name := wanted if number == 1 else f"{wanted}-{number}") not in names
    )
    document_id = TwitterService.model_validate(_shown(service)).save(name)
    _show(client, service, cast("UUID", document_id))


def _show(client: SyncPrefectClient, service: Service, document_id: UUID) -> None:
    """Writes a service into its form, with the time of taking over in the place of its secrets."""
    client.update_block_document(document_id, BlockDocumentUpdate(data=_shown(service)))
    document = client.read_block_document(document_id, include_secrets=False)
    with transaction() as session:
        row = services.get(session, service.id)
        row.block_id, row.form_type_id = str(document_id), str(document.block_type_id)
        row.form_seen_at, row.form_shows_at = document.updated, service.saved_at
        session.add(row)


def _shown(service: Service) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(service, name) for name in ServiceFields.model_fields if hasattr(service, name)
    }
    has = {*SECRETS[:4], *(SECRETS[4:] if service.has_oauth2 else ())}
    taken_over = f"{TAKEN_OVER}{service.saved_at:%Y-%m-%d %H:%M:%S} UTC"
    values |= {name: taken_over if name in has else "" for name in SECRETS}
    return values | {
        "service_type": "Twitter",
        "spend_cap": float(service.spend_cap),
        "opt_out_line": service.opt_out_line or "-",
        "reconciliation": service.reconciliation or "-",
    }


def _take_over_grants(client: SyncPrefectClient) -> None:
    """Takes over tokens of people who agreed that an earlier version kept on Prefect's server."""
    for document in _list_documents(client, _GRANT_SLUG):
        agreement_id = int(str(document.name).rpartition("-")[2])
        values = {name: str(value) for name, value in orjson.loads(document.data["grant"]).items()}
        with transaction() as session:
            vault.save(session, SecretKind.CONTACT_GRANT, agreement_id, values, pendulum.now("UTC"))
        with suppress(ObjectNotFound):
            client.delete_block_document(document.id)
