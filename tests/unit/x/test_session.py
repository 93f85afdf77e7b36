import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from oauthlib.common import Request
from oauthlib.oauth1.rfc5849 import signature
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header

from campaign.errors import Unsent, WrongUsage
from campaign.x.gateway import Gateway, connect
from campaign.x.http import Session
from campaign.x.types import Keys

PAGE = {"meta": {"result_count": 0}}


def is_signed_for(url: str, authorization: str, keys: Keys) -> bool:
    """Whether a server that believes its address to be `url` accepts the signature."""
    received: Any = Request(url, http_method="GET")
    received.signature = unquote(dict(parse_authorization_header(authorization))["oauth_signature"])
    received.params = signature.collect_parameters(
        uri_query=urlsplit(url).query, headers={"Authorization": authorization}
    )
    secrets = keys.consumer_secret.get_secret_value(), keys.access_token_secret.get_secret_value()
    return signature.verify_hmac_sha1(received, *secrets)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_address_really_called_is_the_one_signed(
    version: str, request: pytest.FixtureRequest, little_x: Any, keys: Keys
) -> None:
    gateway: Gateway = request.getfixturevalue(version)
    little_x.answers({**PAGE, "ids": [], "next_cursor": 0})
    gateway.followers("42", "a token", 100)
    (asked,) = little_x.requests
    authorization = asked.headers["Authorization"]
    assert is_signed_for(little_x.base_url + asked.path, authorization, keys)
    assert not is_signed_for("https://api.twitter.com" + asked.path, authorization, keys)


def test_a_connection_is_used_again(v2: Gateway, little_x: Any) -> None:
    for _ in range(2):
        little_x.answers(PAGE)
        v2.followers("42", None, 1)
    assert len({asked.connection for asked in little_x.requests}) == 1


def test_a_connection_survives_refusals(v2: Gateway, little_x: Any) -> None:
    little_x.answers(b"", status=429)
    little_x.answers(PAGE)
    with pytest.raises(Unsent):
        v2.followers("42", None, 1)
    v2.followers("42", None, 1)
    assert len({asked.connection for asked in little_x.requests}) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(v2: Gateway, little_x: Any, status: int) -> None:
    little_x.answers(b"", status=status, headers={"Location": f"{little_x.base_url}/2/elsewhere"})
    with pytest.raises(Unsent) as caught:
        v2.me()
    assert caught.value.reason == "redirected"
    assert len(little_x.requests) == 1


@pytest.mark.parametrize("location", ["http://[", "https://x:port/", "", "ftp://x"])
def test_a_redirect_to_nowhere_is_an_answer_too(v2: Gateway, little_x: Any, location: str) -> None:
    little_x.answers(b"", status=302, headers={"Location": location})
    with pytest.raises(Unsent) as caught:
        v2.me()
    assert caught.value.reason == "redirected"


@pytest.mark.parametrize(
    ("base_url", "upload_url"),
    [
        ("https://api.x.com/", "https://upload.x.com"),
        ("https://api.twitter.com", "https://upload.twitter.com"),
        ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000/x"),
        ("https://api.example.com", "https://api.example.com"),
    ],
)
def test_only_x_has_a_host_of_its_own_for_uploads(base_url: str, upload_url: str) -> None:
    assert Session(base_url).upload_url == upload_url


def test_no_call_goes_out_without_time_limits(session: Session, little_x: Any) -> None:
    little_x.stays_silent()
    session.timeout = (1, 0.05)
    started = time.monotonic()
    with pytest.raises(Exception, match="did not answer"):
        session.call("GET", "/2/users/me")
    assert time.monotonic() - started < 5


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    session = Session("https://api.x.com/")
    assert session.proxies["https"] == "http://proxy.example:3128"
    assert session.verify == str(tmp_path)
    assert not session.trust_env


def test_certificates_that_are_not_there_are_missed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(WrongUsage, match=r"Certificates not found at /no/such\.pem"):
        Session("https://api.x.com")


@pytest.mark.parametrize(("version", "base_url"), [("3", "https://api.x.com"), ("2", "api.x.com")])
def test_a_wrong_setting_is_wrong_usage(keys: Keys, version: str, base_url: str) -> None:
    with pytest.raises(WrongUsage):
        connect(keys, api_version=version, owned=True, base_url=base_url)


def test_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch, little_x: Any) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    little_x.answers(b"{}")
    assert Session(little_x.base_url).call("GET", "/2/users/me").body == b"{}"


def test_an_address_with_a_path_keeps_it(little_x: Any) -> None:
    little_x.answers(b"{}")
    Session(f"{little_x.base_url}/x/").call("GET", "/2/users/me", params={"a": "b c"})
    assert little_x.requests[0].path == "/x/2/users/me?a=b+c"


def test_files_go_to_the_host_for_uploads(session: Session, little_x: Any) -> None:
    session.upload_url = f"{little_x.base_url}/uploads"
    for is_upload in (True, False):
        little_x.answers(b"{}")
        session.call("POST", "/1.1/media/upload.json", is_upload=is_upload)
    assert [each.path for each in little_x.requests] == ["/uploads/1.1/media/upload.json", "/1.1/media/upload.json"]
