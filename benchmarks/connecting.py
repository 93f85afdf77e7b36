"""The form of a service, saved as a person does it in the Prefect UI."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentCreate

from benchmarks.brand import Brand
from tasks.services import SLUG, TwitterService, block_name


def _said_in_it(brand: Brand) -> dict[str, Any]:
    """What the form of an account says of the account alone."""
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    keys = dict(zip(names, brand.keys, strict=True))
    return {"label": brand.username, "internal_name": brand.username, **keys}


def connect(brand: Brand, **more: Any) -> list[float]:
    """Save it, with a spend cap that nothing here reaches."""
    form = TwitterService(**_said_in_it(brand), spend_cap=Decimal(1_000_000), **more)
    form.save(block_name(brand.username), overwrite=True)
    return []


def connect_all(brands: Sequence[Brand]) -> None:
    """Save many alike, each with the one call that `save` ends with; what comes before it is the same for all."""
    connect(brands[0])
    with get_client(sync_client=True) as client:
        first = client.read_block_document_by_name(block_name(brands[0].username), SLUG, include_secrets=True)
        for brand in brands[1:]:
            client.create_block_document(
                BlockDocumentCreate(
                    name=block_name(brand.username),
                    data=first.data | _said_in_it(brand),
                    block_type_id=first.block_type_id,
                    block_schema_id=first.block_schema_id,
                )
            )
