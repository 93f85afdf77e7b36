"""An account on the simulator, as the loops and the sync are told of it."""

from dataclasses import dataclass


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

    @property
    def keys(self) -> tuple[str, str, str, str]:
        """The keys in the order in which OAuth 1.0a libraries take them."""
        return self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret
