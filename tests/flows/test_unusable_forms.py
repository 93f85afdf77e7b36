"""A form in the UI that cannot be used: it is told in every run, and does not stop the other services."""

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.client.schemas.objects import State

from campaign.services.fields import block_name
from flows.account_sync import account_sync
from tasks.services import SLUG
from tests.flows.marketer import form_of
from tests.simulated_x import Brand, SimulatedX


def change_form(client: SyncPrefectClient, brand: Brand, **fields: str) -> None:
    """Change a saved form as the UI does it, without our checks."""
    document = client.read_block_document_by_name(block_name(brand.name), SLUG)
    client.update_block_document(document.id, BlockDocumentUpdate(data=fields))


def sync(*services: str) -> State:
    return account_sync(list(services), return_state=True)


def test_a_form_that_cannot_be_used_does_not_stop_the_others(client: SyncPrefectClient, x: SimulatedX) -> None:
    bad, swapped, well = (form_of(x, name, 10)[0] for name in ("bad", "swapped", "well"))
    change_form(client, bad, consumer_key="")
    change_form(client, swapped, consumer_key=swapped.keys["access_token"], access_token=swapped.keys["consumer_key"])

    state = sync()

    message = str(state.message)
    assert state.is_failed()
    assert well.table() == well.truth()
    assert "The service saved as 'bad' cannot be used: The consumer key is empty" in message
    assert "The service saved as 'swapped' cannot be used: " in message
    assert "the two are swapped" in message
    assert sync("well").is_completed()


def test_two_forms_for_one_handle_are_reported(client: SyncPrefectClient, x: SimulatedX) -> None:
    brand, _ = form_of(x, "acme", 10)
    other, _ = form_of(x, "acme_b", 10)
    change_form(client, other, internal_name="ACME")

    message = str(sync().message)

    assert "Two services have the internal name" in message
    assert message.count("Two services") == 1
    assert len(brand.pages_asked()) == 1
