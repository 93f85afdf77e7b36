"""tweepy's client, pointed at one address and kept to raw answers."""

import requests
import tweepy

from campaign.x.keys import Keys
from campaign.x.session import Session


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
    return client
