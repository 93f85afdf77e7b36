"""Services in a run: their form in the Prefect UI, taken over into our own database; and the tasks of account-sync.

The tasks are the steps of `campaign.audience.sync` as a run shows and retries them.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar, cast
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
from sqlmodel import col, delete, select

from campaign.audience import sync
from campaign.audience.sync import Steps, SyncReport
from campaign.db import vault
from campaign.db.engine import Claim, claim, make_ready, read_session, transaction
from campaign.errors import AlreadyRunning, NotPossible, WrongUsage
from campaign.services import store as services
from campaign.services.fields import SECRETS, ServiceFields, block_name, read_fields
from campaign.services.store import Services
from models import FormProblem, SecretKind, Service, SyncMode, SyncRun, SyncState
from tasks.continuation import RETRIES, ProgressBar, publish_asset, publish_table

if TYPE_CHECKING:
    from campaign.x.gateway import PaidClient

SLUG = "twitter-service"
#: Begins the texts that replace secrets in a form; the secrets themselves are in the vault.
TAKEN_OVER = "taken over at "
#: Stored tokens of people who agreed before there was a vault.
_GRANT_SLUG = "contact-grant"
#: What a form of an earlier version lacks keeps its value: an emptied rule would be off.
_ADDED_LATER = ("wrote_first_counts", "approval_by_another", "two_approvers_recipients", "two_approvers_cost")
#: The longest list of Prefect's server.
_PAGE = 200
_LOST_KEY = (
    "The Prefect server cannot read the forms of services: its encryption key was lost or changed. Put the file"
    " encryption.key of the campaign home back from your backup and start the server again; without it, run `prefect"
    " block type delete twitter-service` and `campaign deploy`. The keys of services that were taken over are safe."
)


class XAccount(Block, ServiceFields):
    """One connected X account. Save this form: its keys are taken over within seconds, or by the next run.

    Workflows of other people load it for a client of X: `XAccount.load("acme").client()`.
    """

    _block_type_name: ClassVar[str] = "Twitter service"
    _block_type_slug: ClassVar[str] = SLUG
    _description: ClassVar[str] = "One connected X account: its followers, its posts and its direct messages."

    def client(self) -> "PaidClient":
        """Returns a signed `tweepy.Client`, which keeps X's rate limits and the spend cap of the service."""
        return services.client_of(services.find_service(self.internal_name))


@task(name="choose services", task_run_name="choose services")
def choose_services(internal_names: Sequence[str]) -> Services | WrongUsage:
    """Finds the services to synchronise; returns the error of a wrong choice, to be shown as one sentence."""
    try:
        make_ready()
        take_over_forms.fn()
        return services.choose_services(internal_names)
    except WrongUsage as error:
        return error


@task(name="check service", task_run_name="check {service.internal_name}", **RETRIES)
def check_service(service: Service) -> Service:
    """Checks the keys of a service on X, at most daily; returns the service with the result."""
    return services.check_if_due(service)


@task(name="take over forms", task_run_name="take over forms")
def take_over_forms() -> None:
    """Takes over the forms of services; where that fails, the run continues with the services of the database."""
    try:
        take_over()
    except (NotPossible, httpx.HTTPError, PrefectHTTPStatusError) as error:
        get_run_logger().warning("The forms of services were not taken over: %s", error)


def take_over() -> None:
    """Synchronises the table of services with their forms on this server, in both directions.

    An invalid form is saved as a problem, with all its errors. Raises NotPossible when the server cannot decrypt the
    forms.
    """
    with _alone(), get_client(sync_client=True) as client:
        try:
            type_id = client.read_block_type_by_slug(SLUG).id
        except ObjectNotFound:
            return  # nothing is deployed here
        documents = {str(document.id): document for document in _list_documents(client, SLUG)}
        problems = {key: sentence for key, one in documents.items() if (sentence := _take_over_one(client, one))}
        with transaction() as session:
            session.execute(delete(FormProblem))
            session.add_all(FormProblem(block_id=key, sentence=sentence) for key, sentence in problems.items())
            shown = services.list_connected(session)
        for service in shown:
            if service.block_id not in documents:
                _remove_or_show(client, service, type_id)
        # An earlier version stored tokens of people who agreed on Prefect's server.
        for document in _list_documents(client, _GRANT_SLUG):
            agreement_id = int(str(document.name).rpartition("-")[2])
            values = {name: str(value) for name, value in orjson.loads(document.data["grant"]).items()}
            with transaction() as session:
                vault.save(session, SecretKind.CONTACT_GRANT, agreement_id, values, pendulum.now("UTC"))
            with suppress(ObjectNotFound):
                client.delete_block_document(document.id)


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
    """Takes over a form that a person changed, or shows changes from elsewhere in it; returns its errors."""
    with read_session() as session:
        service = session.scalar(select(Service).where(col(Service.block_id) == str(document.id)))
        is_changed = service is None or service.form_seen_at != document.updated
        if service is None and all(str(document.data.get(name)).startswith(TAKEN_OVER) for name in SECRETS[:4]):
            # The table is newer: while this form was unused, the service was changed elsewhere, or removed.
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


def _save(document: BlockDocument, service: Service | None) -> Service:
    with transaction() as session:
        values = dict(document.data)
        if service is None:
            # A connected service of this name without a form on this server.
            found = services.find(session, str(values.get("internal_name")))
            is_free = found and found.is_connected and found.form_type_id != str(document.block_type_id)
            service = found if is_free else None
        known = (vault.read(session, SecretKind.SERVICE_KEYS, service.id) or {}) if service else {}
        for name in SECRETS:
            if str(values.get(name)).startswith(TAKEN_OVER):
                values[name] = known.get(name, "")
        if service:  # a form of an earlier version does not have them
            for name in _ADDED_LATER:
                values.setdefault(name, getattr(service, name))
        fields, now = read_fields(values), pendulum.now("UTC")
        if service is None:
            return services.create(session, fields, now, services.FORM)
        return services.change(session, services.get(session, service.id), fields, now, services.FORM)


def _remove_or_show(client: SyncPrefectClient, service: Service, type_id: UUID) -> None:
    """Removes a service whose form was removed on this server; creates a form where there was none."""
    if service.form_type_id == str(type_id):
        with transaction() as session:
            services.remove(session, services.get(session, service.id), pendulum.now("UTC"), services.FORM)
        return
    first, taken = block_name(service.internal_name), {str(one.name) for one in _list_documents(client, SLUG)}
    name = next(
        name
        for number in range(1, len(taken) + 2)
        if (name := first if number == 1 else f"{first}-{number}") not in taken
    )
    document_id = XAccount.model_validate(_shown(service)).save(name)
    _show(client, service, cast("UUID", document_id))


def _show(client: SyncPrefectClient, service: Service, document_id: UUID) -> None:
    """Writes a service into its form, with the time of taking over in place of its secrets."""
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
        "two_approvers_cost": float(service.two_approvers_cost),
        "opt_out_line": service.opt_out_line or "-",
        "reconciliation": service.reconciliation or "-",
    }


@task(name="synchronise", task_run_name="{service.internal_name}")
def synchronise(service: Service, mode: SyncMode, flow_run_id: str) -> SyncReport:
    """Synchronises the followers of one service, from its check to its report; never fails the others."""
    handle = service.internal_name
    bar = ProgressBar(f"account-sync-{block_name(handle)}", f"Followers of @{handle} read")

    def show(service: Service, run: SyncRun) -> None:
        # Below 100 until it is finished: the count is up to a day old.
        percent = min(99.0, round(100 * run.followers_read / max(service.followers_count or 0, 1), 1))
        percent = 100.0 if run.state is SyncState.FINISHED else percent
        bar.show(percent, is_last=run.state is not SyncState.RUNNING)

    return sync.synchronise(service, mode, flow_run_id, Steps(check_service, estimate_cost, read_pages, show))


@task(name="estimate cost", task_run_name="estimate cost of {service.internal_name}")
def estimate_cost(service: Service, run_id: int) -> SyncRun:
    """Compares the cost of the reading with the rest of the month's cap, before anything is spent."""
    return sync.estimate_cost(service, run_id)


@task(name="read pages", task_run_name="read pages of {service.internal_name}", **RETRIES)
def read_pages(service: Service, run_id: int) -> SyncRun:
    """Reads the next pages of followers; each is written in one transaction that also moves the checkpoint."""
    return sync.read_pages(service, run_id)


def publish_report(reports: Sequence[SyncReport]) -> None:
    """Shows the report of a sync as a table, one service a row."""
    description = "What the account sync did. Cost is in US dollars, at the highest price X may ask."
    publish_table("account-sync", [report.as_row() for report in reports], description)
    new, read = sum(report.new for report in reports), sum(report.followers for report in reports)
    if read:
        publish_asset("visitor", "People who follow or followed one of the services.", read=read, new=new)
