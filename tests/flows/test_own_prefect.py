"""At home on a Prefect that people have already: a bearer in the profile, and work pools of other types."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.utilities.asyncutils import run_coro_as_sync
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from campaign.settings import load_settings
from deployments.address import Address
from deployments.deploying import deploy
from tasks.services import XAccount
from tests.command import finish, here, start
from tests.flows.house import House
from tests.flows.marketer import form_of
from tests.simulated_x import SimulatedX

KEY = "pnu_0123456789"


@contextmanager
def behind_a_bearer(address: Address) -> Iterator[str]:
    """A proxy before a Prefect server that lets in requests with the key only, as Prefect Cloud does."""

    there = httpx.Client(timeout=60)

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            passed = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
            if passed.pop("Authorization", "") == f"Bearer {KEY}":
                url = address.api_url.removesuffix("/api") + self.path
                reply = there.request(self.command, url, content=body, headers=passed | address.headers)
                status, content = reply.status_code, reply.content
            else:
                status, content = 401, b"{}"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = do_DELETE = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.mark.timeout(600)
def test_a_profile_without_a_key_is_one_sentence_with_what_to_set(house: House, tmp_path: Path) -> None:
    profiles = tmp_path / "profiles.toml"
    environment = {"PREFECT_PROFILES_PATH": str(profiles), "PREFECT_API_URL": "", "PREFECT_API_AUTH_STRING": ""}
    environment |= {"CAMPAIGN_HOME": str(tmp_path / "home"), "CAMPAIGN_DATABASE_URL": load_settings().database_url}
    with behind_a_bearer(house.server.address) as api_url:
        profile = f'active = "work"\n[profiles.work]\nPREFECT_API_URL = "{api_url}"\n'
        profiles.write_text(profile)
        refused = here("deploy", **environment)
        profiles.write_text(f'{profile}PREFECT_API_KEY = "{KEY}"\n')
        done = finish(start("deploy", "--json", environment=environment), 150)
    assert refused.status == 2
    assert "PREFECT_API_KEY" in refused.sentence
    assert done.status == 0, done.err
    assert [one["state"] for one in json.loads(done.out)] == ["stopped"] * 5
    assert KEY not in done.out + done.err + refused.err


CONTAINERS = {
    "job_configuration": {"image": "{{ image }}", "env": "{{ env }}"},
    "variables": {"properties": {"image": {"type": "string"}, "env": {"type": "object"}}},
}
REFERENCE = "{{ prefect.blocks.secret.campaign-signing-key }}"


@pytest.fixture
def containers(house: House, client: SyncPrefectClient) -> Iterator[str]:
    """A work pool whose runs are containers."""
    assert house
    client.create_work_pool(WorkPoolCreate(name="containers", type="docker", base_job_template=CONTAINERS))
    Secret(value="fifty-random-characters").save("campaign-signing-key", overwrite=True)
    yield "containers"
    deploy(load_settings())
    client.delete_work_pool("containers")


def test_workflows_go_to_a_pool_of_any_type_and_stay_there(client: SyncPrefectClient, containers: str) -> None:
    variables = ("--image", "campaign:1", "--env", "LANG=C", "--env", f"CAMPAIGN_SIGNING_KEY={REFERENCE}")
    assert here("deploy", "--pool", containers, *variables).status == 0
    assert here("deploy").status == 0
    for deployment in client.read_deployments():
        assert deployment.work_pool_name == containers
        assert deployment.job_variables["image"] == "campaign:1"
        assert deployment.job_variables["env"].items() >= {"LANG": "C", "CAMPAIGN_SIGNING_KEY": REFERENCE}.items()
        assert deployment.job_variables["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    assert here("deploy", "--env", "CAMPAIGN_SIGNING_KEY=", "--env", "LANG=").status == 0
    assert {"LANG", "CAMPAIGN_SIGNING_KEY"}.isdisjoint(client.read_deployments()[0].job_variables["env"])
    missing = here("worker", "--pool", containers)
    assert (missing.status, "such as prefect-docker" in missing.sentence) == (1, True)


def test_other_workflows_get_a_signed_client_of_a_service(x: SimulatedX) -> None:
    form_of(x, "acme")
    account = XAccount.load("acme")
    assert isinstance(account, XAccount)
    assert account.client().get_me().data.username == "acme"


def test_a_reference_to_a_secret_is_resolved_by_the_worker(house: House) -> None:
    assert house
    Secret(value="fifty-random-characters").save("campaign-signing-key", overwrite=True)
    template = ProcessWorker.get_default_base_job_template()
    values = {"env": {"CAMPAIGN_SIGNING_KEY": REFERENCE}}
    job: Any = run_coro_as_sync(ProcessJobConfiguration.from_template_and_values(template, values))
    assert job.env["CAMPAIGN_SIGNING_KEY"] == "fifty-random-characters"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--pool", "none"), "There is no work pool none"),
        (("--env", "A={{ prefect.blocks.secret.none }}"), "There is no block secret/none"),
        (("--image", "campaign:1"), "is of type process, which takes no image; it takes command, env, labels, name"),
    ],
)
def test_a_pool_that_does_not_fit_is_one_sentence(house: House, options: tuple[str, ...], words: str) -> None:
    assert house
    done = here("deploy", *options)
    assert done.status in {1, 2}
    assert words in done.sentence


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ("CAMPAIGN_SIGNING_KEY=fifty-random-characters", "{{ prefect.blocks.secret.campaign-signing-key }}"),
        ("CAMPAIGN_SMTP_URL=smtp://mail.example.com", "prefect.blocks.secret.campaign-smtp-url"),
        ("AWS_SECRET_ACCESS_KEY=fifty", "prefect.blocks.secret.aws-secret-access-key"),
        ("HTTPS_PROXY=http://user:fifty@proxy:3128", "prefect.blocks.secret.https-proxy"),
        ("LANG", "Write it like --env NAME=VALUE"),
    ],
)
def test_a_secret_in_clear_and_half_a_variable_are_refused(house: House, env: str, words: str) -> None:
    assert house
    done = here("deploy", "--env", env)
    assert done.status == 2
    assert words in done.sentence
    assert "fifty" not in done.err
