"""Bad input to the command: one clear sentence, exit status 2, nothing on standard output, nothing sent to X."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests

from campaign.simulator.server import running
from tests.command import Done, campaign
from tests.databases import Database

KEYS = {
    "CAMPAIGN_CONSUMER_KEY": "k" * 25,
    "CAMPAIGN_CONSUMER_SECRET": "s" * 50,
    "CAMPAIGN_ACCESS_TOKEN": f"42-{'t' * 40}",
    "CAMPAIGN_ACCESS_TOKEN_SECRET": "u" * 45,
}
NOBODY_LISTENS = "http://127.0.0.1:9"
NO_DATABASE = "postgresql://nobody:sesame@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def x_url() -> Iterator[str]:
    with running() as url:
        yield url


def assert_refused(done: Done, words: str) -> None:
    assert done.status == 2
    assert done.out == ""
    assert words in done.sentence
    assert "Traceback" not in done.err
    assert "sesame" not in done.err


def refused(x_url: str, arguments: list[str], words: str, **environment: str) -> None:
    """Run a command and make sure that it is refused without a call to X."""
    requests.delete(f"{x_url}/control/calls", timeout=5)
    assert_refused(campaign(*arguments, **{"CAMPAIGN_X_API_URL": x_url, **environment}), words)
    assert requests.get(f"{x_url}/control/calls", timeout=5).json() == {"calls": []}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sync", "a b"], "'a b' is not a handle on X"),
        (["sync", "@acme"], "Write the handle without the @: acme."),
        (["sync", "sixteen_letters_"], "16 characters long; a handle on X has at most 15"),
        (["service", "create", "@acme"], "Write the handle without the @: acme."),
        (["service", "check", ""], "'' is not a handle on X"),
        (["service", "edit", "acme", "--internal-name", "b c"], "'b c' is not a handle on X"),
        (["service", "remove", "é"], "'é' is not a handle on X"),
    ],
)
@pytest.mark.usefixtures("sqlite_database")
def test_a_handle_that_nobody_can_have(x_url: str, arguments: list[str], words: str) -> None:
    refused(x_url, arguments, words, **KEYS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sync", "--mode", "fast"], "'--mode'"),
        (["service", "create", "acme", "--spend-cap", "-1"], "'--spend-cap'"),
        (["visitors", "--new-since", "yesterday"], "'--new-since'"),
    ],
)
@pytest.mark.usefixtures("sqlite_database")
def test_an_option_with_a_value_that_it_cannot_have(x_url: str, arguments: list[str], words: str) -> None:
    refused(x_url, arguments, words, **KEYS)


@pytest.mark.parametrize("missing", KEYS)
@pytest.mark.usefixtures("sqlite_database")
def test_a_key_that_is_missing_where_nobody_can_be_asked(x_url: str, missing: str) -> None:
    words = missing.removeprefix("CAMPAIGN_").replace("_", " ").lower()
    refused(x_url, ["service", "create", "acme"], f"The {words} is missing: set {missing}", **{**KEYS, missing: ""})


@pytest.mark.parametrize(
    ("arguments", "url", "words"),
    [
        (["sync"], NO_DATABASE, "cannot be reached (connection failed"),
        (["db", "upgrade"], NO_DATABASE, "check CAMPAIGN_DATABASE_URL."),
        (["service", "list"], "mysql://root@127.0.0.1/x", "CAMPAIGN_DATABASE_URL names a mysql database"),
        (["visitors"], "nonsense", "CAMPAIGN_DATABASE_URL is no database address"),
    ],
)
@pytest.mark.usefixtures("sqlite_database")
def test_a_database_that_cannot_be_used(x_url: str, arguments: list[str], url: str, words: str) -> None:
    refused(x_url, arguments, words, CAMPAIGN_DATABASE_URL=url)


@pytest.mark.parametrize("arguments", [["sync"], ["visitors"], ["service", "list"]])
def test_a_home_that_cannot_be_written_to(x_url: str, arguments: list[str], tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.touch()
    words = f"{home}/home cannot be written to (Not a directory); set CAMPAIGN_HOME"
    refused(x_url, arguments, words, CAMPAIGN_HOME=f"{home}/home", CAMPAIGN_DATABASE_URL="")


@pytest.mark.parametrize("arguments", [["sync"], ["service", "check", "acme"]])
def test_a_simulator_that_is_not_up(sqlite_database: Database, arguments: list[str]) -> None:
    assert sqlite_database
    done = campaign(*arguments, CAMPAIGN_X_API_URL=NOBODY_LISTENS)
    assert_refused(done, f"Nothing answers at {NOBODY_LISTENS}: start the simulator with `campaign simulator`.")


@pytest.mark.usefixtures("sqlite_database")
def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_refused(campaign("simulator", "--port", port), f"127.0.0.1:{port}: Address already in use.")


@pytest.mark.usefixtures("sqlite_database")
def test_a_prefect_server_that_is_not_there(x_url: str) -> None:
    api_url = f"{NOBODY_LISTENS}/api"
    refused(x_url, ["sync"], f"No Prefect server answers at {api_url}; start it", PREFECT_API_URL=api_url)


@pytest.mark.usefixtures("sqlite_database")
def test_a_prefect_server_of_another_version(x_url: str) -> None:
    with another_server("2.20.1") as api_url:
        refused(x_url, ["sync"], f"{api_url} has version 2.20.1 and this installation 3.", PREFECT_API_URL=api_url)


@pytest.mark.usefixtures("sqlite_database")
def test_visitors_of_a_service_that_nobody_knows(x_url: str) -> None:
    refused(x_url, ["visitors", "--service", "nobody"], "There is no service nobody")


class another_server:  # noqa: N801  used like a function
    """Something that says of itself to be a Prefect server of a version."""

    def __init__(self, version: str) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(version).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Answer)
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/api"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
