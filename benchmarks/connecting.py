"""The form of a service, saved as a person does it in the Prefect UI."""

from decimal import Decimal
from typing import Any

from benchmarks.brand import Brand
from tasks.twitter_service import TwitterService, block_name


def form_of(brand: Brand, **more: Any) -> TwitterService:
    """The form of an account, with a spend cap that nothing here reaches."""
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    keys = dict(zip(names, brand.keys, strict=True))
    named = {"label": brand.username, "internal_name": brand.username, "spend_cap": Decimal(1_000_000)}
    return TwitterService(**named, **keys, **more)


def connect(brand: Brand, **more: Any) -> list[float]:
    """Save it."""
    form_of(brand, **more).save(block_name(brand.username), overwrite=True)
    return []
