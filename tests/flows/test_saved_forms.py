"""Forms of services in the Prefect UI: taken over into the database, their secrets emptied, and kept up to date."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentCreate, BlockDocumentUpdate, BlockSchemaCreate, BlockTypeCreate
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from sqlmodel import select

from campaign.db import engine, vault
from campaign.db.engine import read_session, transaction
from campaign.errors import NotPossible
from campaign.services import store as services
from campaign.services.fields import SECRETS, block_name, read_fields
from campaign.services.store import connected_services
from campaign.settings import Settings
from deployments.deploying import register_forms
from deployments.server import (
    Server,
    fingerprint_file,
    free_port,
    key_file,
    running_server,
    take_over_resting_forms,
    used_by_prefect,
)
from models import OPT_OUT_LINE, AuditEntry, MessagePolicy, SecretKind, Service
from tasks.services import SLUG, TAKEN_OVER, XAccount, take_over
from tests.databases import Database
from tests.factories import NOW
from tests.servers import make_fresh_home, own_environment

NEW = ("message_policy", "opt_out_line", "frequency_cap", "frequency_days", "quiet_hours", "timezone", "daily_limit")
KEYS = {name: f"{name.replace('_', '-')}-of-acme" for name in SECRETS[:4]}
DATA = {"label": "Acme", "internal_name": "acme"} | KEYS


@pytest.fixture
def client(prefect_server: Server, database: Database) -> Iterator[SyncPrefectClient]:
    """A server without forms, and a database without services."""
    assert database
    with used_by_prefect(prefect_server.address), get_client(sync_client=True) as client:
        forget_everything(client)
        register_forms(client)
        yield client
        forget_everything(client)


def forget_everything(client: SyncPrefectClient) -> None:
    for slug in (SLUG, "contact-grant"):
        with suppress(ObjectNotFound):
            client._client.delete(f"/block_types/{client.read_block_type_by_slug(slug).id}")


def fill_in(client: SyncPrefectClient, **fields: Any) -> UUID:
    """Save a new form, as the UI does it: unchecked."""
    block_type = client.read_block_type_by_slug(SLUG)
    schema = client.get_most_recent_block_schema_for_block_type(block_type.id)
    assert schema
    data = DATA | fields
    wanted = BlockDocumentCreate(
        name=block_name(data["internal_name"]), data=data, block_schema_id=schema.id, block_type_id=block_type.id
    )
    return client.create_block_document(wanted).id


def edit(client: SyncPrefectClient, document_id: UUID, **fields: Any) -> None:
    client.update_block_document(document_id, BlockDocumentUpdate(data=fields))


def shown(client: SyncPrefectClient, name: str = "acme") -> dict[str, Any]:
    """What the server knows of a form, secrets included."""
    return dict(client.read_block_document_by_name(name, SLUG, include_secrets=True).data)


def service(name: str = "acme") -> Service:
    return services.find_service(name)


def keys_of(name: str = "acme") -> dict[str, str]:
    with read_session() as session:
        return vault.read(session, SecretKind.SERVICE_KEYS, service(name).id) or {}


def by_command(**fields: Any) -> None:
    """Connect a service, or change it, without a form."""
    with transaction() as session:
        known = services.find(session, "acme")
        if known is None:
            services.create(session, read_fields(DATA | fields), NOW, "ann")
        else:
            values = services.read_values(session, known)
            services.change(session, known, read_fields(values | fields), NOW + timedelta(days=1), "ann")


def test_a_saved_form_becomes_a_service_and_keeps_no_secret(client: SyncPrefectClient) -> None:
    fill_in(client, spend_cap=12.5, client_id="the-client-id", client_secret="the-client-secret")

    take_over()

    assert (service().label, str(service().spend_cap), service().has_oauth2) == ("Acme", "12.5", True)
    assert keys_of() == KEYS | {"client_id": "the-client-id", "client_secret": "the-client-secret"}
    data = shown(client)
    assert all(data[name].startswith(TAKEN_OVER) for name in SECRETS)
    assert data[SECRETS[0]].endswith("UTC")
    assert data["spend_cap"] == 12.5


def test_taking_over_again_changes_nothing(client: SyncPrefectClient) -> None:
    fill_in(client)
    take_over()
    before, form = service(), client.read_block_document_by_name("acme", SLUG)

    take_over()
    register_forms(client)
    take_over()

    assert service() == before
    assert client.read_block_document_by_name("acme", SLUG).updated == form.updated


def test_everything_that_is_wrong_with_a_form_is_one_problem(client: SyncPrefectClient) -> None:
    document_id = fill_in(client, label="", frequency_cap=-1, consumer_key="", timezone="Brussels")

    take_over()

    [problem] = connected_services().problems
    assert problem.startswith("The service saved as 'acme' cannot be used: ")
    for words in ("Label", "Frequency cap", "Unknown time zone 'Brussels'"):
        assert words in problem
    assert connected_services().services == []

    edit(client, document_id, label="Acme", frequency_cap=1, consumer_key=KEYS["consumer_key"], timezone="")
    take_over()
    assert connected_services().problems == []
    assert service().frequency_cap == 1


def test_a_form_changed_by_a_person_changes_the_service_and_not_its_keys(client: SyncPrefectClient) -> None:
    document_id = fill_in(client)
    take_over()

    edit(client, document_id, label="New", daily_limit=7)
    take_over()
    assert (service().label, service().daily_limit) == ("New", 7)
    assert keys_of() == KEYS | {"client_id": "", "client_secret": ""}

    edit(client, document_id, access_token="a-new-token")
    take_over()
    assert keys_of()["access_token"] == "a-new-token"
    assert keys_of()["consumer_key"] == KEYS["consumer_key"]
    assert shown(client)["access_token"].startswith(TAKEN_OVER)


def test_a_service_connected_or_changed_by_command_is_shown_in_a_form(client: SyncPrefectClient) -> None:
    by_command(opt_out_line="-")
    take_over()
    assert (shown(client)["label"], shown(client)["opt_out_line"]) == ("Acme", "-")
    assert all(shown(client)[name].startswith(TAKEN_OVER) for name in SECRETS[:4])

    by_command(label="New", daily_limit=9)
    take_over()
    assert (shown(client)["label"], shown(client)["daily_limit"]) == ("New", 9)
    assert (service().label, service().opt_out_line) == ("New", "")


def test_a_form_removed_by_a_person_removes_the_service_and_its_keys(client: SyncPrefectClient) -> None:
    document_id = fill_in(client)
    take_over()
    service_id = service().id

    client.delete_block_document(document_id)
    take_over()

    assert connected_services().services == []
    with read_session() as session:
        assert vault.read(session, SecretKind.SERVICE_KEYS, service_id) is None


def test_what_is_done_by_a_form_stands_in_the_audit(client: SyncPrefectClient) -> None:
    form = fill_in(client)
    take_over()
    edit(client, form, label="Acme Ltd")
    take_over()
    take_over()
    client.delete_block_document(form)
    take_over()
    with read_session() as session:
        entries = [(one.actor, one.action, one.detail) for one in session.exec(select(AuditEntry).order_by("id"))]
    actor = "the form in Prefect"
    assert entries == [(actor, "connected", ""), (actor, "changed", "Changed: label."), (actor, "disconnected", "")]


def test_a_service_removed_by_command_takes_its_form_along(client: SyncPrefectClient) -> None:
    fill_in(client)
    take_over()
    with transaction() as session:
        services.remove(session, services.get(session, service().id), NOW, "ann")

    take_over()

    assert connected_services().services == []
    with pytest.raises(ObjectNotFound):
        client.read_block_document_by_name("acme", SLUG)


def test_a_form_that_another_server_misses_is_made_there(client: SyncPrefectClient) -> None:
    fill_in(client)
    take_over()
    forget_everything(client)
    register_forms(client)

    take_over()

    assert keys_of() == KEYS | {"client_id": "", "client_secret": ""}
    assert shown(client)["label"] == "Acme"


def test_two_forms_of_one_name_are_one_service_and_a_problem(client: SyncPrefectClient) -> None:
    fill_in(client)
    take_over()
    fill_in(client, internal_name="other")
    take_over()
    document = client.read_block_document_by_name("other", SLUG)
    edit(client, document.id, internal_name="acme")

    take_over()

    assert [each.internal_name for each in connected_services().services] == ["acme", "other"]
    [problem] = connected_services().problems
    assert "Two services have the internal name acme; remove one of them." in problem


def test_a_token_that_an_earlier_version_kept_moves_to_the_vault(client: SyncPrefectClient) -> None:
    block_type = client.create_block_type(BlockTypeCreate(name="Contact grant", slug="contact-grant"))
    schema = client.create_block_schema(BlockSchemaCreate(fields={"type": "object"}, block_type_id=block_type.id))
    grant = orjson.dumps({"service_id": 3, "token": "t", "scopes": "users.read"}).decode()
    document = client.create_block_document(
        BlockDocumentCreate(
            name="agreement-7", data={"grant": grant}, block_schema_id=schema.id, block_type_id=block_type.id
        )
    )

    take_over()

    with read_session() as session:
        kept = vault.read(session, SecretKind.CONTACT_GRANT, 7)
    assert kept == {"service_id": "3", "token": "t", "scopes": "users.read"}
    with pytest.raises(ObjectNotFound):
        client.read_block_document(document.id)


@contextmanager
def served(settings: Settings) -> Iterator[SyncPrefectClient]:
    with running_server(settings, free_port(), ui=False) as server, used_by_prefect(server.address):  # noqa: SIM117
        with get_client(sync_client=True) as client:  # only now, it looks up the address
            yield client


def save_as_before(client: SyncPrefectClient) -> BlockDocument:
    """A home as the version without these fields left it."""
    try:
        block_type = client.create_block_type(BlockTypeCreate(name="Twitter service", slug=SLUG))
    except ObjectAlreadyExists:  # the server knows it from the entry point of the package
        block_type = client.read_block_type_by_slug(SLUG)
    fields = XAccount.model_json_schema()
    fields["properties"] = {name: field for name, field in fields["properties"].items() if name not in NEW}
    schema = client.create_block_schema(BlockSchemaCreate(fields=fields, block_type_id=block_type.id))
    return client.create_block_document(
        BlockDocumentCreate(name="acme", data=DATA, block_schema_id=schema.id, block_type_id=block_type.id)
    )


def test_an_old_home_is_taken_over_and_a_lost_key_is_one_sentence(tmp_path: Path) -> None:
    with own_environment(make_fresh_home(tmp_path / "home")) as settings:
        engine.upgrade()
        with served(settings) as client:
            document = save_as_before(client)
            with transaction() as session:
                session.add(Service(**read_fields(DATA).columns(), block_id=str(document.id)))

        assert take_over_resting_forms(settings) == 1
        assert take_over_resting_forms(settings) == 0
        assert keys_of() == KEYS | {"client_id": "", "client_secret": ""}
        assert (service().message_policy, service().opt_out_line) == (MessagePolicy.ALL_FOLLOWERS, OPT_OUT_LINE)

        with served(settings) as client:
            register_forms(client)
            schema = client.read_block_document_by_name("acme", SLUG).block_schema
            assert schema
            assert schema.fields["properties"].keys() >= {*NEW}
            take_over()
            assert all(shown(client)[name].startswith(TAKEN_OVER) for name in SECRETS[:4])

        for file in (key_file(settings), fingerprint_file(settings)):
            file.unlink()
        with served(settings) as client:
            register_forms(client)
            with pytest.raises(NotPossible, match="encryption key was lost"):
                take_over()
            assert keys_of()["consumer_key"] == KEYS["consumer_key"]
