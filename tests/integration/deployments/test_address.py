"""For people who have a Prefect server already: their profile, their password or key, any patch of the same version."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import pytest

from campaign.errors import WrongUsage
from campaign.settings import Settings
from deployments.address import Address, address_in_profile, check_version
from deployments.server import free_port, server_of
from tests.servers import own_environment

MINOR = version("prefect").rpartition(".")[0]


@contextmanager
def another_server(answers: str = f"{MINOR}.0", header: str = "") -> Iterator[str]:
    """Responds as a server of a version does that lets in requests with this header only."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_let_in = header in {"", self.headers.get("Authorization")}
            body = json.dumps(answers).encode()
            self.send_response(200 if is_let_in else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.mark.parametrize("patch", ["0", "99", "99rc1"])
def test_every_patch_of_the_same_version_is_worked_with(patch: str) -> None:
    with another_server(f"{MINOR}.{patch}") as api_url:
        check_version(Address(api_url, ""))


@pytest.mark.parametrize("theirs", ["3.9.0", "3.80.8", "2.20.1"])
def test_a_server_of_another_version_is_refused(theirs: str) -> None:
    with (
        another_server(theirs) as api_url,
        pytest.raises(WrongUsage, match=rf"has version {theirs} and this installation 3\.8\.\d+"),
    ):
        check_version(Address(api_url, ""))


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    with another_server() as api_url, pytest.raises(WrongUsage, match="PREFECT_API_AUTH_STRING") as refused:
        check_version(Address(api_url.replace("http://", "http://ann:a-secret@"), ""))
    assert "a-secret" not in str(refused.value)


def test_an_address_without_a_server_is_refused() -> None:
    with pytest.raises(WrongUsage, match="PREFECT_API_URL"):
        check_version(Address(f"http://127.0.0.1:{free_port()}/api", ""))


@pytest.mark.parametrize(
    ("header", "password", "key"), [("Basic bWU6b3Blbg==", "me:open", ""), ("Bearer pnu_1", "", "pnu_1")]
)
def test_a_password_or_a_key_lets_in(header: str, password: str, key: str) -> None:
    with another_server(header=header) as api_url:
        check_version(Address(api_url, password, key))


@pytest.mark.parametrize(("key", "words"), [("", "requires a password or key"), ("pnu_2", "requires another password")])
def test_without_the_right_key_the_sentence_names_what_to_set(key: str, words: str) -> None:
    with another_server(header="Bearer pnu_1") as api_url, pytest.raises(WrongUsage) as refused:
        check_version(Address(api_url, "", key))
    assert words in str(refused.value)
    assert "set PREFECT_API_AUTH_STRING" in str(refused.value)
    assert "or PREFECT_API_KEY where it asks for a key" in str(refused.value)
    assert "pnu" not in str(refused.value)


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    if text:
        (tmp_path / "ours.pem").write_text(text)
    monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", str(tmp_path / "ours.pem"))
    with pytest.raises(WrongUsage, match=r"PREFECT_API_SSL_CERT_FILE names .*ours\.pem, which holds no certificates"):
        check_version(Address("https://127.0.0.1:9/api", ""))


def test_cloud_is_asked_for_no_version_but_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with another_server("12", header="Bearer pnu_1") as api_url:
        monkeypatch.setenv("PREFECT_CLOUD_API_URL", api_url)
        check_version(Address(f"{api_url}/accounts/1/workspaces/2", "", "pnu_1"))
        with pytest.raises(WrongUsage, match=r"run `prefect cloud login`, or set PREFECT_API_KEY\."):
            check_version(Address(f"{api_url}/accounts/1/workspaces/2", ""))


PROFILES = """
active = "ours"
[profiles.ours]
PREFECT_API_URL = "https://prefect.example.com/api/"
PREFECT_API_AUTH_STRING = "me:open"
PREFECT_API_SSL_CERT_FILE = "/etc/ssl/ours.pem"
[profiles.cloud]
PREFECT_API_URL = "https://api.prefect.cloud/api/accounts/1/workspaces/2"
PREFECT_API_KEY = "pnu_1"
[profiles.none]
PREFECT_SERVER_EPHEMERAL_ENABLED = "true"
"""
OURS = Address("https://prefect.example.com/api", "me:open", "", {"PREFECT_API_SSL_CERT_FILE": "/etc/ssl/ours.pem"})


def chosen(home: Path, **environment: str) -> Address | None:
    """The server that commands use in this environment."""
    (home / "theirs").mkdir(exist_ok=True, parents=True)
    (home / "theirs" / "profiles.toml").write_text(PROFILES)
    more: Mapping[str, str] = {"PREFECT_HOME": str(home / "theirs"), "PREFECT_PROFILES_PATH": "", **environment}
    with own_environment(home, **more) as settings:
        return server_of(settings)


def test_the_profile_in_use_names_the_server(tmp_path: Path) -> None:
    assert chosen(tmp_path) == OURS
    cloud = chosen(tmp_path, PREFECT_PROFILE="cloud")
    assert cloud
    assert (cloud.is_cloud, cloud.key) == (True, "pnu_1")
    assert cloud.environment["PREFECT_API_KEY"] == "pnu_1"
    assert chosen(tmp_path, PREFECT_PROFILE="none") is None


def test_the_environment_counts_before_the_profile(tmp_path: Path) -> None:
    named = chosen(tmp_path, PREFECT_API_URL="http://server:4200/api", PREFECT_API_KEY="pnu_2")
    assert named == Address("http://server:4200/api", "", "pnu_2")  # no password goes to another server
    changed = chosen(tmp_path, PREFECT_API_AUTH_STRING="you:open")
    assert changed
    assert (changed.api_url, changed.password) == (OURS.api_url, "you:open")


def test_the_folder_of_a_home_has_no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    settings.prefect_home.mkdir()
    (settings.prefect_home / "profiles.toml").write_text(PROFILES)
    monkeypatch.setenv("HOME", str(tmp_path / "operator"))
    monkeypatch.setenv("PREFECT_HOME", str(settings.prefect_home))
    monkeypatch.delenv("PREFECT_PROFILES_PATH")
    assert address_in_profile(settings.prefect_home) is None


def test_profiles_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profiles.toml").write_text("active =")
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))
    with pytest.raises(WrongUsage, match=r"Prefect's profiles in .*profiles\.toml are not valid TOML"):
        address_in_profile(tmp_path)
