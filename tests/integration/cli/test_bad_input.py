"""Bad input to the command: one clear sentence, exit status 2, nothing on standard output, nothing sent to X."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests

from campaign.cli.output import write_page
from campaign.errors import WrongUsage
from campaign.simulator.server import running
from tests.command import COMMAND, Done, campaign
from tests.databases import Database
from tests.forking import fork

KEYS = {
    "CAMPAIGN_CONSUMER_KEY": "k" * 25,
    "CAMPAIGN_CONSUMER_SECRET": "s" * 50,
    "CAMPAIGN_ACCESS_TOKEN": f"42-{'t' * 40}",
    "CAMPAIGN_ACCESS_TOKEN_SECRET": "u" * 45,
}
NOBODY_LISTENS = "http://127.0.0.1:9"
NO_DATABASE = "postgresql://nobody:sesame@127.0.0.1:1/none"


#: What is typed, what of the environment is other, and what the sentence says.
Case = tuple[list[str], dict[str, str], str]
NO_HANDLES: list[Case] = [
    (["sync", "a b"], {}, "'a b' is not a handle on X"),
    (["sync", "@acme"], {}, "Write the handle without the @: acme."),
    (["sync", "sixteen_letters_"], {}, "16 characters long; a handle on X has at most 15"),
    (["service", "create", "@acme"], KEYS, "Write the handle without the @: acme."),
    (["service", "check", ""], {}, "'' is not a handle on X"),
    (["service", "edit", "acme", "--internal-name", "b c"], {}, "'b c' is not a handle on X"),
    (["service", "remove", "é"], {}, "'é' is not a handle on X"),
]
NO_VALUES: list[Case] = [
    (["sync", "--mode", "fast"], {}, "'--mode'"),
    (["service", "create", "acme", "--spend-cap", "-1"], KEYS, "'--spend-cap'"),
    (["visitors", "--new-since", "yesterday"], {}, "'--new-since'"),
    (["visitors", "--where", "follwers_count > 5"], {}, "Invalid field 'follwers_count' at character 1"),
]
NO_KEYS: list[Case] = [
    (["service", "create", "acme"], {**KEYS, name: ""}, f"is missing: set {name}, or run this in a terminal")
    for name in KEYS
]
NO_DATABASES: list[Case] = [
    (["sync"], {"CAMPAIGN_DATABASE_URL": NO_DATABASE}, "cannot be reached (connection failed"),
    (["db", "upgrade"], {"CAMPAIGN_DATABASE_URL": NO_DATABASE}, "check CAMPAIGN_DATABASE_URL."),
    (["service", "list"], {"CAMPAIGN_DATABASE_URL": "mysql://root@127.0.0.1/x"}, "names a mysql database"),
    (["visitors"], {"CAMPAIGN_DATABASE_URL": "nonsense"}, "Invalid CAMPAIGN_DATABASE_URL"),
]
NO_HOMES: list[Case] = [
    (words, {"CAMPAIGN_HOME": "/dev/null/home", "CAMPAIGN_DATABASE_URL": ""}, "/dev/null/home cannot be written")
    for words in (["sync"], ["visitors"], ["service", "list"])
]
NO_SERVERS: list[Case] = [
    (["sync"], {"CAMPAIGN_X_API_URL": NOBODY_LISTENS}, "start the simulator with `campaign simulator`."),
    (["service", "check", "acme"], {"CAMPAIGN_X_API_URL": NOBODY_LISTENS}, f"Nothing answers at {NOBODY_LISTENS}"),
    (
        ["sync"],
        {"CAMPAIGN_X_API_URL": "ftp://x"},
        "CAMPAIGN_X_API_URL cannot be used: 'ftp://x' is not an http:// or https:// URL",
    ),
    (["sync"], {"PREFECT_API_URL": f"{NOBODY_LISTENS}/api"}, f"No Prefect server answers at {NOBODY_LISTENS}/api"),
    (["visitors", "--service", "nobody"], {}, "There is no service nobody"),
]


@pytest.fixture
def x_url(sqlite_database: Database) -> Iterator[str]:
    """A simulated X that must not be called."""
    assert sqlite_database
    with running() as url:
        yield url
        assert requests.get(f"{url}/control/calls", timeout=5).json() == {"calls": []}


@pytest.mark.parametrize(
    "cases",
    [NO_HANDLES, NO_VALUES, NO_KEYS, NO_DATABASES, NO_HOMES, NO_SERVERS],
    ids=["handles", "values", "keys", "databases", "homes", "servers"],
)
def test_bad_input_is_refused_in_one_sentence(x_url: str, cases: list[Case]) -> None:
    started = [fork(*words, environment={"CAMPAIGN_X_API_URL": x_url} | changes) for words, changes, _ in cases]
    for (arguments, _, words), done in zip(cases, [process.end() for process in started], strict=True):
        assert_refused(done, words, arguments)


def assert_refused(done: Done, words: str, arguments: object = None) -> None:
    assert (done.status, done.out) == (2, ""), arguments
    assert words in done.sentence
    assert "Traceback" not in done.err
    for secret in ("sesame", *KEYS.values()):
        assert secret not in done.err


@pytest.mark.usefixtures("sqlite_database")
def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_refused(campaign("simulator", "--port", port), f"127.0.0.1:{port}: Address already in use.")


def test_a_prefect_server_of_another_version_is_not_worked_with(x_url: str) -> None:
    with another_server("2.20.1") as api_url:
        done = campaign("sync", PREFECT_API_URL=api_url, CAMPAIGN_X_API_URL=x_url)
    assert_refused(done, f"{api_url} has version 2.20.1 and this installation 3.")


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has a full disk of its own.")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", ["template list --json", "template list", "visitors --csv"])
def test_a_full_disk_is_named_with_its_file(words: str, buffered: str, tmp_path: Path) -> None:
    environment = os.environ | {"CAMPAIGN_HOME": str(tmp_path), "PYTHONUNBUFFERED": buffered}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *words.split()], stdout=full, stderr=subprocess.PIPE, env=environment, text=True, check=False
        )
    sentence = "No room is left on the disk of /dev/full; make room, then run the command again.\n"
    assert (done.returncode, done.stderr) == (1, sentence)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has a full disk of its own.")
def test_a_page_that_does_not_fit_on_its_disk_is_named() -> None:
    with pytest.raises(WrongUsage, match=r"/dev/full cannot be written \(No space left on device\)"):
        write_page(Path("/dev/full"), "<p>")
