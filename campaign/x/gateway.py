"""The door to X: a few verbs, small records out, errors named by what the caller may do next."""

from typing import Protocol

from campaign.domain.account import Account
from campaign.domain.followers import FollowerPage
from campaign.domain.receipt import Answer, Price
from campaign.errors import WrongUsage
from campaign.x.keys import Keys
from campaign.x.quiet import silence
from campaign.x.v1 import GatewayV1
from campaign.x.v2 import GatewayV2

silence()


class Gateway(Protocol):
    """One X account's way to X.

    Every verb raises XError; the error carries the receipts of all calls that were answered.
    A page of followers holds at most `follower_page_size`, each at `follower_price`; it calls `follower_endpoints`.
    """

    follower_page_size: int
    follower_endpoints: tuple[str, ...]
    follower_price: Price
    account_price: Price

    def me(self) -> Answer[Account]:
        """The account the keys belong to, for one `account_price`."""
        ...

    def followers(self, user_id: str, token: str | None, page_size: int) -> Answer[FollowerPage]:
        """A page of at most `page_size` followers, newest first; `token` is the page before's `next_token`.

        Raises Refused with reason `page_token` when X no longer accepts the token.
        """
        ...


_VERSIONS: dict[str, type[GatewayV1 | GatewayV2]] = {"1.1": GatewayV1, "2": GatewayV2}


def connect(keys: Keys, *, api_version: str, owned: bool, base_url: str) -> Gateway:
    """The gateway for the account of `keys`; calls nothing yet. `api_version` is "2" or "1.1".

    `owned` says that this account owns the developer app, which makes its followers ten times cheaper to read.
    """
    if api_version not in _VERSIONS:
        raise WrongUsage(f"X's API has the versions {' and '.join(_VERSIONS)}, not {api_version}.")
    return _VERSIONS[api_version](keys, owned=owned, base_url=base_url)
