"""Pages of followers as one reads them without this project: with requests, and with tweepy."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import tweepy
from requests_oauthlib import OAuth1

from benchmarks.brand import Brand

Row = tuple[str, str | None, str | None, int | None, bool | None]
"""External id, username, full name, number of followers, verified."""

PAGE_SIZE = 1000
FIELDS = ["public_metrics", "verified", "location", "receives_your_dm"]
"""What the sync asks for, so that all read the same pages."""


def with_requests(brand: Brand, base_url: str) -> Iterator[list[Row]]:
    """Read page after page with requests."""
    session = requests.Session()
    session.auth = OAuth1(*brand.keys)
    asked = {"max_results": str(PAGE_SIZE), "user.fields": ",".join(FIELDS)}
    while True:
        answer = session.get(f"{base_url}/2/users/{brand.user_id}/followers", params=asked, timeout=30)
        answer.raise_for_status()
        page = answer.json()
        yield [_row(user) for user in page["data"]]
        if "next_token" not in page["meta"]:
            return
        asked["pagination_token"] = page["meta"]["next_token"]


def _row(user: dict[str, Any]) -> Row:
    count = user.get("public_metrics", {}).get("followers_count")
    return user["id"], user.get("username"), user.get("name"), count, user.get("verified")


class RelocatedSession(requests.Session):
    """Calls the simulator whatever host tweepy names, so that tweepy signs the address really called."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Call the same path there."""
        return super().request(method, self.base_url + urlsplit(url).path, *args, **kwargs)


def with_tweepy(brand: Brand, base_url: str) -> Iterator[list[Row]]:
    """Read page after page with tweepy, as its documentation shows it."""
    client = tweepy.Client(None, *brand.keys)
    client.session = RelocatedSession(base_url)
    token = None
    while True:
        page = client.get_users_followers(
            brand.user_id, max_results=PAGE_SIZE, user_fields=FIELDS, pagination_token=token, user_auth=True
        )
        yield [
            (str(user.id), user.username, user.name, user.public_metrics["followers_count"], user.verified)
            for user in page.data
        ]
        token = page.meta.get("next_token")
        if token is None:
            return
