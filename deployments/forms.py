"""Registering the form of a service with a server, and giving the forms saved there earlier its new fields."""

from contextlib import suppress

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError

from tasks.services import SLUG, TwitterService


def register_forms(client: SyncPrefectClient) -> None:
    """Make the form known as it is now; a saved one keeps what it says and is shown with the new fields."""
    try:
        TwitterService.register_type_and_schema()
    except ObjectAlreadyExists:  # somebody else did so at the same moment; now it is an update
        TwitterService.register_type_and_schema()
    try:
        _renew_saved_ones(client)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
            raise
        # It cannot decrypt them. Whoever needs a service is told what to do; the workflows are deployed all the same.


def _renew_saved_ones(client: SyncPrefectClient) -> None:
    """Bring saved forms to the fields of now: the UI would go on to show those of the day of its first saving."""
    current = client.get_most_recent_block_schema_for_block_type(client.read_block_type_by_slug(SLUG).id)
    for document in client.read_block_documents_by_type(SLUG, include_secrets=False):
        if current and document.block_schema_id != current.id:
            # No data is nothing new: the server keeps what it has, and the keys stay there.
            change = BlockDocumentUpdate(block_schema_id=current.id, data={}, merge_existing_data=True)
            with suppress(ObjectNotFound):  # somebody removed it at this moment
                client.update_block_document(document.id, change)
