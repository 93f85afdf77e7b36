"""The Prefect server of `campaign up` is closed to pages of other origins and to other users of the machine."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.server.api.server import create_api_app
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from deployments.server import Server, server_password, used_by_prefect
from tests.browsing import NEEDS_CHROMIUM, open_browser
from tests.command import here
from tests.servers import own_environment

#: Probes that say only that the server is there.
OPEN = {"/health", "/ready"}
SOCKETS = ["events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled"]
SOCKETS += ["work_pools/campaign/workers/connect"]


def routes() -> list[tuple[str, str]]:
    """Every operation of the API, and the pages that describe it."""
    operations = create_api_app().openapi()["paths"].items()
    described = [(method.upper(), path) for path, methods in operations for method in methods]
    return [*described, ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/redoc")]


def test_without_the_password_every_route_of_the_api_is_closed(prefect_server: Server) -> None:
    asked = [(method, path) for method, path in routes() if path not in OPEN]
    assert len(asked) > 150
    assert httpx.get(f"{prefect_server.api_url}/csrf-token?client=stranger").status_code == 401
    with httpx.Client() as stranger:
        for method, path in asked:
            address = f"{prefect_server.api_url}{path.replace('{', '').replace('}', '')}"
            for password in (None, ("campaign", "wrong"), ("admin", "admin")):
                refused = stranger.request(method, address, json={}, auth=password).status_code
                assert refused in {401, 403}, (method, path)


def test_a_request_with_the_password_but_without_a_csrf_token_is_refused(prefect_server: Server) -> None:
    user, _, password = prefect_server.password.partition(":")
    with httpx.Client(auth=(user, password)) as page:
        assert page.post(f"{prefect_server.api_url}/flow_runs/filter", json={}).status_code == 403
        assert page.get(f"{prefect_server.api_url}/admin/version").status_code == 200


def test_metrics_of_prefect_want_the_password(prefect_server: Server) -> None:
    user, _, password = prefect_server.password.partition(":")
    assert httpx.get(f"{prefect_server.api_url}/metrics").status_code == 401
    assert "python_info" in httpx.get(f"{prefect_server.api_url}/metrics", auth=(user, password)).text


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_is_not_allowed_to_read(prefect_server: Server, origin: str) -> None:
    wanted = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    wanted["Access-Control-Request-Headers"] = "authorization"
    asked = httpx.options(f"{prefect_server.api_url}/flow_runs/filter", headers=wanted)
    read = httpx.get(f"{prefect_server.api_url}/health", headers={"Origin": origin})
    for answer in (asked, read):
        assert "access-control-allow-origin" not in answer.headers
    own = httpx.get(f"{prefect_server.api_url}/health", headers={"Origin": prefect_server.url})
    assert own.headers["access-control-allow-origin"] == prefect_server.url


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("message", [None, {"type": "auth", "token": None}, {"type": "auth", "token": "d3Jvbmc="}])
def test_a_websocket_without_the_password_is_closed(
    prefect_server: Server, path: str, message: dict[str, str | None] | None
) -> None:
    address = f"ws{prefect_server.api_url.removeprefix('http')}/{path}"
    spoken = None if message is None else ["prefect"]
    with pytest.raises((ConnectionClosed, InvalidHandshake)):
        speak(address, spoken, json.dumps(message or {"event": "x"}))


def speak(address: str, protocols: Any, message: str) -> NoReturn:
    with connect(address, subprotocols=protocols) as socket:
        socket.send(message)
        while True:
            assert "auth_success" not in str(socket.recv(timeout=10))


def test_the_password_is_made_once_for_its_owner_only_and_shown_again(tmp_path: Path) -> None:
    with own_environment(tmp_path / "home") as settings:
        shown = here("password", CAMPAIGN_HOME=str(settings.home)).out.strip()
        assert shown == server_password(settings)
        user, _, secret = shown.partition(":")
        assert (user, len(secret)) == ("campaign", 24)
        assert stat.S_IMODE((settings.home / "server.password").stat().st_mode) == 0o600
    with own_environment(tmp_path / "other") as settings:
        settings.home.mkdir()
        assert server_password(settings) != shown


@contextmanager
def page_of_another_origin(html: str) -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


ATTACK = """<body><p id="found">waiting</p><script>
(async () => {
  const api = %s, found = [];
  const simple = {method: "POST", mode: "no-cors", credentials: "include", body: '{"name": "attacked"}'};
  for (const given of [{}, {credentials: "include"}, {headers: {Authorization: "Basic Y2FtcGFpZ246eA=="}}]) {
    try { found.push(await (await fetch(api + "/admin/version", given)).text()); } catch { found.push("refused"); }
  }
  for (const path of ["/flows/", "/work_pools/", "/variables/"]) await fetch(api + path, simple).catch(() => 0);
  document.getElementById("found").textContent = "found: " + found.join();
})();
</script></body>"""


@NEEDS_CHROMIUM
def test_in_a_browser_the_ui_asks_once_and_a_foreign_page_does_nothing(prefect_server: Server, tmp_path: Path) -> None:
    with (
        open_browser(tmp_path / "browser") as window,
        page_of_another_origin(ATTACK % json.dumps(prefect_server.api_url)) as foreign,
    ):
        window.resize(1400)
        window.go(f"{prefect_server.url}/v2/")
        window.see('type="password"')
        window.press("Tab")
        window.write(prefect_server.password)
        window.press("Enter")
        window.see("<title>Dashboard")
        window.go(f"{prefect_server.url}/v2/flows")
        window.see("<title>Flows")
        assert urlsplit(window.address).path == "/v2/flows"

        window.open(foreign)
        window.see("found: refused,refused,refused")
    with used_by_prefect(prefect_server.address), get_client(sync_client=True) as client:
        assert "attacked" not in [flow.name for flow in client.read_flows()]
        assert "attacked" not in [pool.name for pool in client.read_work_pools()]
