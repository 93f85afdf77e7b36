"""The way to X: one base address, time limits, and every answer judged before tweepy sees it.

tweepy knows one host, waits for ever, and its exceptions crash on some of X's error bodies.
"""

import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from campaign.errors import WrongUsage
from campaign.x.network import Connections, is_address, is_loopback, unanswered
from campaign.x.replies import Reply, reply_to

CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
"""How long to wait for a connection, and for each next part of an answer."""

_SUCCESS = range(200, 300)
_DECIDED_HERE = frozenset({"timeout", "allow_redirects", "stream", "verify", "cert", "proxies"})
_OWN_HOST = re.compile(r"^(https://)api\.(?=(x|twitter)\.com$)")


class Response(requests.Response):
    """A reply in the shape that tweepy passes on."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply
        self.status_code, self.headers = reply.status, CaseInsensitiveDict(reply.headers)
        self.raw = BytesIO(reply.body)


class Session(requests.Session):
    """A requests session for X's API under `base_url`, for both versions ("{base_url}/2/...", "{base_url}/1.1/...").

    `request` and `call` return answers with status 2xx only and raise XError for everything else.
    """

    def __init__(self, base_url: str) -> None:
        super().__init__()
        if not is_address(base_url):
            raise WrongUsage("CAMPAIGN_X_API_URL is no address: it must look like https://api.x.com.")
        self.base_url = base_url.rstrip("/")
        # v1.1 takes files at a host of its own; what stands in X's place has one host for all.
        self.upload_url = _OWN_HOST.sub(r"\1upload.", self.base_url)
        # What people see themselves, such as the consent screen, is not at the API's host either.
        self.people_url = _OWN_HOST.sub(r"\1", self.base_url)
        self.timeout = (CONNECT_SECONDS, READ_SECONDS)
        self._read_environment()
        self._connections = Connections(True if self.verify is None else self.verify, self.proxies)

    def request(self, method: str, url: str, **content: Any) -> Response:  # type: ignore[override]
        """Call X at the path of `url`, whatever its host; OAuth 1.0a then signs the address really called."""
        content = {name: value for name, value in content.items() if name not in _DECIDED_HERE}
        request = self._prepared(method, self._here(url), **content)
        return Response(self.call(request.method or "", request.url or "", request.headers, request.body))

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | str | None = None) -> Reply:
        """Make a call that is signed already, at an address under `base_url`."""
        connect, read = self.timeout
        try:
            answer = self._connections.exchange(method, url, headers, body, Timeout(connect=connect, read=read))
        except (OSError, HTTPError) as error:
            failure = unanswered(error, self.base_url)
        else:
            reply = reply_to(method, url, answer.status, answer.headers, answer.data)
            if answer.status in _SUCCESS:
                return reply
            failure = reply.error()
        # Raised out here, because an error raised while another is handled keeps it, with the signed request in it.
        raise failure

    def _prepared(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: Any = None,
        json: Any = None,
        data: Any = None,
        files: Any = None,
    ) -> requests.PreparedRequest:
        """The call as it goes out: without cookies, redirects and hooks, which take time and are of no use to X."""
        call = requests.PreparedRequest()
        call.prepare_method(method)
        call.prepare_url(url, params)
        call.prepare_headers({**self.headers, **(headers or {})})
        call.prepare_body(data, files, json)
        call.prepare_auth(auth, url)
        return call

    def _here(self, url: str) -> str:
        parts = urlsplit(url)
        base_url = self.upload_url if parts.netloc.startswith("upload.") else self.base_url
        return base_url + parts.path + (f"?{parts.query}" if parts.query else "")

    def _read_environment(self) -> None:
        """Take proxies and certificates from the environment once; then nothing there can add credentials."""
        environment = self.merge_environment_settings(self.base_url, {}, None, None, None)
        self.verify = environment["verify"]
        if isinstance(self.verify, str) and not Path(self.verify).exists():
            raise WrongUsage(f"There are no certificates at {self.verify}: correct REQUESTS_CA_BUNDLE.")
        # A proxy elsewhere would look for the simulator on its own machine.
        self.proxies = {} if is_loopback(self.base_url) else environment["proxies"]
        self.trust_env = False
