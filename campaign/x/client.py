"""tweepy's client, pointed at one address and kept to raw answers."""

from typing import Any

import requests
import tweepy

from campaign.x.keys import Keys
from campaign.x.replies import Reply, reply_of
from campaign.x.session import Session
from campaign.x.signing import Signer

API, UPLOADS = "https://api.twitter.com", "https://upload.twitter.com"
"""tweepy's two hosts, which the session replaces."""


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


def ask(client: tweepy.Client, method: str, route: str, **content: Any) -> Reply:
    """One call with a query (`params`) or a JSON body (`json`), in the name of the keys' account."""
    headers = {"User-Agent": client.user_agent}
    return reply_of(client.session.request(method, API + route, headers=headers, auth=client.signer, **content))


def send(client: tweepy.Client, route: str, *, method: str = "POST", host: str = API, **content: Any) -> Reply:
    """One call with a form (`data`) or a file (`files`) or to `host`, none of which tweepy's own `request` can do."""
    signer = tweepy.OAuth1UserHandler(
        client.consumer_key, client.consumer_secret, client.access_token, client.access_token_secret
    )
    headers = {"User-Agent": client.user_agent}
    return reply_of(client.session.request(method, host + route, headers=headers, auth=signer.apply_auth(), **content))
