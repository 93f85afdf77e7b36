"""An account on the simulator, as the loops and the sync are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Brand:
    """Its name, its keys and the number of its followers."""

    username: str
    user_id: str
    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
    followers: int

    @classmethod
    def of(cls, account: Mapping[str, Any], followers: int) -> "Brand":
        """An account as the simulator tells of it, which tells more than is needed here."""
        told = {field.name: account[field.name] for field in fields(cls) if field.name != "followers"}
        return cls(**told, followers=followers)

    @property
    def keys(self) -> tuple[str, str, str, str]:
        """The keys in the order in which OAuth 1.0a libraries take them."""
        return self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret
