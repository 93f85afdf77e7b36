"""The tokens of people who agreed: kept encrypted on the Prefect server from the page to the run, then forgotten."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import httpx
import orjson
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import Field, SecretStr

from campaign.errors import NotPossible
from campaign.x.oauth import Grant
from models import Agreement

SLUG = "contact-grant"
AGREED = "campaign.contact.agreed"
"""The event that starts the workflow."""
#: The most that Prefect's server lists at once.
_PAGE = 200


class ContactGrant(Block):
    """What X gave for one agreement. Made by the pages and deleted by the workflow: there is nothing to fill in."""

    _block_type_name: ClassVar[str] = "Contact grant"
    _block_type_slug: ClassVar[str] = SLUG
    _description: ClassVar[str] = "The token of a person who agreed; made and deleted by itself."

    grant: SecretStr = Field(title="Grant")


@dataclass(frozen=True, slots=True)
class KeptGrant:
    """A token and the service whose app it was given to."""

    service_id: int
    grant: Grant


def hand_over(agreement: Agreement, grant: Grant) -> None:
    """Keep the token of an agreement for the workflow, and start that; raises NotPossible when it cannot be kept."""
    stored = orjson.dumps({"service_id": agreement.service_id} | grant.as_json()).decode()
    try:
        ContactGrant.register_type_and_schema()
        ContactGrant(grant=SecretStr(stored)).save(_name(agreement.id), overwrite=True)
    except (httpx.HTTPError, PrefectHTTPStatusError, ValueError) as error:
        # What Prefect raises may show what it was to save.
        raise NotPossible(f"The Prefect server did not keep a token ({type(error).__name__}).") from None
    emit_event(AGREED, resource={"prefect.resource.id": f"campaign.agreement.{agreement.id}"})


def kept() -> dict[int, UUID]:
    """The forms of all tokens that are kept, by agreement."""
    return {int(str(document.name).rpartition("-")[2]): document.id for document in _documents()}


def _documents() -> Iterator[BlockDocument]:
    with get_client(sync_client=True) as client:
        offset = 0
        while True:
            try:
                found = client.read_block_documents_by_type(SLUG, offset, _PAGE, include_secrets=False)
            except PrefectHTTPStatusError as error:
                if error.response.status_code == httpx.codes.NOT_FOUND:
                    return  # nobody ever agreed, so not even the block type is there
                raise
            yield from found
            if len(found) < _PAGE:
                return
            offset += _PAGE


def read(document_id: UUID) -> KeptGrant | None:
    """The token; None when it was forgotten meanwhile."""
    with get_client(sync_client=True) as client:
        try:
            document = client.read_block_document(document_id, include_secrets=True)
        except ObjectNotFound:
            return None
    stored = orjson.loads(document.data["grant"])
    return KeptGrant(stored["service_id"], Grant.from_json(stored))


def forget(document_id: UUID) -> None:
    """Delete the token; harmless when it is gone."""
    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        client.delete_block_document(document_id)


def _name(agreement_id: int) -> str:
    return f"agreement-{agreement_id}"
