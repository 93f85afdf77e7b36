"""tweepy's client, pointed at one address and kept to raw answers."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import requests
import tweepy

from campaign.x.keys import Keys
from campaign.x.replies import Reply
from campaign.x.session import Session
from campaign.x.signing import Signer

API, UPLOADS = "https://api.twitter.com", "https://upload.twitter.com"
"""tweepy's two hosts, which the session replaces."""
_JSON = {"Content-Type": "application/json"}


def client_of(keys: Keys, base_url: str) -> tweepy.Client:
    """A client that signs with `keys`, calls `base_url` and returns responses as they come."""
    client = tweepy.Client(
        consumer_key=keys.consumer_key.get_secret_value(),
        consumer_secret=keys.consumer_secret.get_secret_value(),
        access_token=keys.access_token.get_secret_value(),
        access_token_secret=keys.access_token_secret.get_secret_value(),
        return_type=requests.Response,
    )
    client.session = Session(base_url)
    client.signer = Signer(client.consumer_key, client.consumer_secret, client.access_token, client.access_token_secret)
    return client


def ask(
    client: tweepy.Client, method: str, route: str, *, query: Mapping[str, Any] | None = None, document: Any = None
) -> Reply:
    """One call with a query, but for what is None in it, or with JSON, in the name of the keys' account."""
    session: Session = client.session
    given = urlencode({name: value for name, value in (query or {}).items() if value is not None})
    url = f"{session.base_url}{route}{given and '?'}{given}"
    headers = {**session.headers, "User-Agent": client.user_agent, "Authorization": client.signer.sign(method, url)}
    if document is None:
        return session.call(method, url, headers)
    return session.call(method, url, headers | _JSON, json.dumps(document).encode())


def send(client: tweepy.Client, route: str, *, method: str = "POST", host: str = API, **content: Any) -> Reply:
    """One call with a form (`data`) or a file (`files`) or to `host`, none of which tweepy's own `request` can do."""
    signer = tweepy.OAuth1UserHandler(
        client.consumer_key, client.consumer_secret, client.access_token, client.access_token_secret
    )
    headers = {"User-Agent": client.user_agent}
    session: Session = client.session
    return session.request(method, host + route, headers=headers, auth=signer.apply_auth(), **content).reply
