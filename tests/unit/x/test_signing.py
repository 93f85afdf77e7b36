from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1 import Client
from requests import Request

from campaign.x.signing import Signer

KEYS = ("consumer+key", "consumer&secret", "1-token%", "token secret ü")
ONCE = ("0123456789abcdef", 1_764_142_200)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
hosts = st.sampled_from(["https://api.x.com", "http://127.0.0.1:8085", "https://API.x.com:443", "http://x.test:80"])
paths = st.sampled_from(["/2/dm_events", "/2/dm_conversations/with/12/messages", "/1.1/a.json", "/a%20b/", ""])


def signed_by_oauthlib(method: Any, url: str) -> str:
    consumer_key, consumer_secret, token, token_secret = KEYS
    nonce, timestamp = ONCE
    client = Client(consumer_key, consumer_secret, token, token_secret, nonce=nonce, timestamp=str(timestamp))
    _, headers, _ = client.sign(url, method)
    return str(headers["Authorization"])


def parts(header: str) -> list[str]:
    return sorted(header.removeprefix("OAuth ").split(", "))


@given(st.sampled_from(["GET", "POST", "DELETE"]), hosts, paths, st.lists(st.tuples(texts, texts), max_size=4))
def test_the_signature_is_that_of_oauthlib(method: str, host: str, path: str, query: list[tuple[str, str]]) -> None:
    url = Request(method, host + path, params=query).prepare().url or ""
    assert parts(Signer(*KEYS).header(method, url, *ONCE)) == parts(signed_by_oauthlib(method, url))


def test_every_call_has_a_signature_of_its_own() -> None:
    signer = Signer(*KEYS)
    assert signer.sign("POST", "https://api.x.com/2/tweets") != signer.sign("POST", "https://api.x.com/2/tweets")
