"""Forms saved before there were direct messages: read with the defaults, shown with the new fields once deployed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentCreate, BlockSchemaCreate, BlockTypeCreate
from prefect.client.schemas.objects import BlockDocument
from tasks.twitter_service import SLUG, TwitterService, saved_documents

from campaign.errors import NotPossible
from campaign.settings import Settings, load_settings
from deployments.deploying import deploy, register_forms
from deployments.server import fingerprint_file, free_port, key_file, running_server, used_by_prefect
from models import OPT_OUT_LINE, MessagePolicy
from tasks.services import saved_services
from tests.databases import Database
from tests.servers import fresh_server, make_fresh_home, own_environment

pytestmark = pytest.mark.long

NEW = ("message_policy", "opt_out_line", "frequency_cap", "frequency_days", "quiet_hours", "timezone", "daily_limit")
KEYS = {name: f"{name.replace('_', '-')}-of-acme" for name in ("consumer_key", "consumer_secret", "access_token")}
DATA = {"label": "Acme", "internal_name": "acme", "access_token_secret": "the-last-of-the-four"} | KEYS


@pytest.fixture
def client(tmp_path: Path) -> Iterator[SyncPrefectClient]:
    with fresh_server(tmp_path / "home"), get_client(sync_client=True) as client:
        yield client


@contextmanager
def served(settings: Settings) -> Iterator[SyncPrefectClient]:
    with running_server(settings, free_port(), ui=False) as server, used_by_prefect(server.api_url):  # noqa: SIM117
        with get_client(sync_client=True) as client:  # only now, it looks up the address
            yield client


def save_as_before(client: SyncPrefectClient) -> BlockDocument:
    """A home as the version without these fields left it."""
    block_type = client.create_block_type(BlockTypeCreate(name="Twitter service", slug=SLUG))
    fields = TwitterService.model_json_schema()
    fields["properties"] = {name: field for name, field in fields["properties"].items() if name not in NEW}
    schema = client.create_block_schema(BlockSchemaCreate(fields=fields, block_type_id=block_type.id))
    return client.create_block_document(
        BlockDocumentCreate(name="acme", data=DATA, block_schema_id=schema.id, block_type_id=block_type.id)
    )


def fields_shown(client: SyncPrefectClient) -> dict[str, Any]:
    """The fields of the form that the UI opens."""
    schema = client.read_block_document_by_name("acme", SLUG).block_schema
    assert schema is not None
    return dict(schema.fields["properties"])


def test_an_old_form_is_read_with_the_defaults(client: SyncPrefectClient, database: Database) -> None:
    save_as_before(client)
    assert database

    saved = saved_services()

    assert saved.problems == []
    [service] = saved.services
    assert (service.message_policy, service.opt_out_line) == (MessagePolicy.ALL_FOLLOWERS, OPT_OUT_LINE)
    assert (service.frequency_cap, service.frequency_days, service.daily_limit) == (0, 7, 0)
    assert (service.quiet_hours, service.timezone) == ("", "")
    assert len(service.app) == 16


def test_deploying_gives_an_old_form_the_new_fields_and_leaves_what_it_says(client: SyncPrefectClient) -> None:
    save_as_before(client)
    assert fields_shown(client).keys().isdisjoint(NEW)

    deploy(load_settings())

    assert fields_shown(client).keys() >= {*NEW}
    [document] = saved_documents()
    assert document.data == DATA


def test_deploying_again_saves_no_form_again(client: SyncPrefectClient) -> None:
    save_as_before(client)
    register_forms(client)
    [before] = saved_documents()

    register_forms(client)

    assert [document.updated for document in saved_documents()] == [before.updated]


def test_forms_that_nobody_can_decrypt_any_more_do_not_stop_a_deployment(tmp_path: Path) -> None:
    with own_environment(make_fresh_home(tmp_path / "home")) as settings:
        with served(settings) as client:
            save_as_before(client)
        for file in (key_file(settings), fingerprint_file(settings)):
            file.unlink()
        with served(settings) as client:
            register_forms(client)
            with pytest.raises(NotPossible, match="encryption key was lost"):
                saved_documents()
