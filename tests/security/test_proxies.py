"""The snippets of proxies in docs/operating.md, run before the pages: whose address counts, and who gets in."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from campaign.settings import ROOT
from campaign.web.app import make_app
from deployments.server import free_port
from tests.https_server import make_certificate
from tests.web_visits import serving

SITE = "social.example.com"
SNIPPETS: list[str] = re.findall(
    r"^```\w*\n(.*?)^```$", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE | re.DOTALL
)
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])


def snippet(beginning: str) -> str:
    [found] = [each for each in SNIPPETS if each.startswith(beginning)]
    return found


def changed(text: str, *changes: tuple[str, str]) -> str:
    """The documented text for this machine; what is changed must be in it."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, port: int, pages: int) -> list[str]:
    certificate, key = make_certificate(folder, SITE)
    documented = changed(
        snippet("server {"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:4280", f"127.0.0.1:{pages}"),
        (f"/etc/ssl/{SITE}.pem", str(certificate)),
        (f"/etc/ssl/{SITE}.key", str(key)),
    )
    folders = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{name}_temp_path {folder / name};\n" for name in folders)
    user = "user root;\n" if os.geteuid() == 0 else ""
    # As Debian installs it: 768 connections.
    around = f"{user}pid {folder / 'pid'};\nerror_log stderr;\nevents {{ worker_connections 768; }}\n"
    (folder / "nginx.conf").write_text(f"{around}http {{\naccess_log off;\n{temporary}{documented}}}\n")
    return ["-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr", "-g", "daemon off;"]


def caddy(folder: Path, port: int, pages: int) -> list[str]:
    # A public certificate cannot be had here; everything else is as documented.
    certificate, key = make_certificate(folder, SITE)
    site = f"https://{SITE}:{port} {{\n    bind 127.0.0.1\n    tls {certificate} {key}"
    documented = changed(snippet(SITE), ("127.0.0.1:4280", f"127.0.0.1:{pages}"), (f"{SITE} {{", site))
    (folder / "Caddyfile").write_text(f"{{\n    admin off\n    auto_https off\n}}\n{documented}")
    return ["run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES = {"nginx": nginx, "caddy": caddy}


async def who(request: Request) -> Response:
    assert request.client
    return PlainTextResponse(f"{request.client.host} {request.url.scheme} {request.url.hostname}")


@pytest.fixture(params=PROXIES, scope="module")
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a proxy, before pages that say whom they take for the visitor."""
    program = shutil.which(request.param, path=PATH)
    if program is None and os.environ.get("CI") != "true":
        pytest.skip(f"There is no {request.param}; install it, as with `apt-get install nginx-light caddy`.")
    assert program
    folder = tmp_path_factory.mktemp(request.param)
    port, pages = free_port(), free_port()
    command = [program, *PROXIES[request.param](folder, port, pages)]
    environment = os.environ | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with serving(make_app([Route("/who", who)]), pages), running(command, environment, port):
        yield port


@contextmanager
def running(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def visitor(address: str = "127.0.0.1") -> httpx.Client:
    """A visitor from an address of this machine."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return httpx.Client(transport=httpx.HTTPTransport(verify=context, local_address=address), timeout=20)


def ask(client: httpx.Client, port: int, path: str = "/who", **headers: str) -> httpx.Response:
    address, extensions = f"https://127.0.0.1:{port}{path}", {"sni_hostname": SITE}
    return client.get(address, headers={"Host": SITE, **headers}, extensions=extensions)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9"])
@pytest.mark.parametrize("claimed", ["", "203.0.113.7", "203.0.113.7, 127.0.0.1"])
def test_the_address_of_a_visitor_is_its_own_whatever_it_claims(port: int, address: str, claimed: str) -> None:
    claims = {"X-Forwarded-For": claimed, "X-Forwarded-Proto": "http", "Forwarded": f"for={claimed}"}
    headers = claims if claimed else {}
    with visitor(address) as client:
        assert ask(client, port, **headers).text == f"{address} https {SITE}"


def test_405_half_sent_requests_to_the_proxy_do_not_close_the_pages(port: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    half = [
        f"GET / HTTP/1.1\r\nHost: {SITE}\r\nX-Slow:".encode(),
        f"POST /leave HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 100\r\n\r\np=".encode(),
    ]
    with ExitStack() as stack:
        for number in range(405):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            slow = stack.enter_context(context.wrap_socket(plain, server_hostname=SITE))
            slow.sendall(half[number % 2])
        for path, status in (("/health", 200), ("/who", 200), ("/nowhere", 404)):
            with visitor() as client:
                assert ask(client, port, path).status_code == status, path
