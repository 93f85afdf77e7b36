"""Runs deployments/compose.yaml as it stands, both profiles, where no Docker engine is: `python -m tests.rehearsal`.

It must be root on Linux, with PostgreSQL, Redis and Caddy of the system; see tests/containers.py.
"""

import os
import shutil
import sys
import tempfile
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.make_secrets import SECRETS, make_secrets
from tests.compose_file import read_compose, services_of
from tests.containers import DEPLOYMENTS, Container, enter_own_namespaces, write_image

_WANTED = ("caddy", "chroot", "ip", "nsenter", "psql", "redis-server", "setpriv", "unshare", "wget")
#: Names for which Caddy makes certificates by itself, without asking anyone.
_VARIABLES = {"CAMPAIGN_PUBLIC_URL": "https://pages.localhost", "CAMPAIGN_UI_URL": "https://ui.localhost"}
_NAMES = {"proxy": ("pages.localhost", "ui.localhost")}
_PROFILES = {"proxy", "servers"}
_UNITS = {"m": 2**20, "g": 2**30}


class Rehearsal:
    """All containers of the compose file, on one bridge."""

    def __init__(self, folder: Path) -> None:
        self.compose = read_compose(DEPLOYMENTS / "compose.yaml", _VARIABLES)
        self.services = services_of(self.compose, _PROFILES)
        self.folder = folder
        self.containers: dict[str, list[Container]] = defaultdict(list)
        for number, (name, service) in enumerate(self.services.items()):
            count = service.get("deploy", {}).get("replicas", 1)
            for one in range(1, count + 1):
                address = f"172.30.{number + 1}.{one}"
                full = f"{name}-{one}" if count > 1 else name
                self.containers[name].append(Container(full, address, service, folder))
        names: defaultdict[str, set[str]] = defaultdict(set)
        for name, containers in self.containers.items():
            aliases = (self.services[name].get("networks") or {}).get("default", {}).get("aliases", [])
            for container in containers:
                names[container.address] |= {name, *aliases, *_NAMES.get(name, ())}
        lines = [f"{address} {' '.join(sorted(known))}" for address, known in names.items()]
        self.hosts = "\n".join(["127.0.0.1 localhost", *lines, ""])

    def start(self) -> None:
        """Starts everything in the order of `depends_on`, and waits for every health check."""
        for name, service in self.services.items():
            for needed, how in service.get("depends_on", {}).items():
                self._wait(needed, how["condition"])
            for container in self.containers[name]:
                container.start(self.compose, self.hosts)
        for name, service in self.services.items():
            self._wait(name, "service_healthy" if "healthcheck" in service else "service_completed_successfully")

    def _wait(self, name: str, condition: str) -> None:
        for container in self.containers[name]:
            container.wait(condition)

    def one(self, name: str) -> Container:
        """Returns the first container of a service."""
        return self.containers[name][0]


@contextmanager
def step(title: str) -> Iterator[None]:
    """Prints what was done, and how long it took."""
    began = time.monotonic()
    yield
    print(f"{title} ({time.monotonic() - began:.1f} s)", flush=True)  # noqa: T201


def check_roles(rehearsal: Rehearsal) -> None:
    """The role of neither program is a superuser, and neither can enter the other's database."""
    asked = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND (rolsuper OR rolcreaterole OR rolcreatedb)"
    database = rehearsal.one("database")
    assert database.run(["psql", "-U", "postgres", "-Atc", asked]).stdout.split() == ["postgres"]
    for role, other in (("campaign", "prefect"), ("prefect", "campaign")):
        url = (rehearsal.folder / "secrets" / f"{role}_database_url").read_text().strip().replace("+asyncpg", "")
        assert database.run(["psql", url, "-c", "SELECT 1"]).returncode == 0
        refused = database.run(["psql", url.removesuffix(role) + other, "-c", "SELECT 1"])
        assert "permission denied for database" in refused.stderr, refused.stderr


def check_secrets(rehearsal: Rehearsal) -> None:
    """No listing of processes and no log shows a secret."""
    files = [rehearsal.folder / "secrets" / name for name in SECRETS]
    secrets = [secret for file in files if (secret := file.read_text().strip())]
    secrets += [secret.split("@")[0].rsplit(":")[-1] for secret in secrets if "@" in secret]
    for containers in rehearsal.containers.values():
        for container in containers:
            shown = " ".join(" ".join(process.cmdline()) for process in container.processes())
            assert not any(secret in shown for secret in secrets), container.name
            assert not any(secret in container.log.read_text(errors="replace") for secret in secrets), container.name


def check_limits(rehearsal: Rehearsal) -> None:
    """Everything needs less than half of the memory and of the processes that it may have."""
    for name, containers in rehearsal.containers.items():
        limits = rehearsal.services[name]["deploy"]["resources"]["limits"]
        for container in containers:
            processes = container.processes()
            assert bool(processes) == (rehearsal.services[name]["restart"] != "no"), container.name
            memory = sum(process.memory_info().rss for process in processes)
            tasks = sum(process.num_threads() for process in processes)
            assert memory < int(limits["memory"][:-1]) * _UNITS[limits["memory"][-1]] / 2, (container.name, memory)
            assert tasks < limits["pids"] / 2, (container.name, tasks)


def run_workflow(rehearsal: Rehearsal) -> None:
    """Starts a workflow as an operator does, and waits for the worker that takes it."""
    order = ["deployment", "run", "post-publication/post-publication", "--watch", "--watch-interval", "1"]
    ran = rehearsal.one("worker").run(["python", "-m", "deployments.launch", *order], timeout=180)
    logs = "".join(container.log.read_text(errors="replace") for container in rehearsal.containers["worker"])
    assert ran.returncode == 0, ran.stdout + ran.stderr + logs


def check_proxy(rehearsal: Rehearsal) -> None:
    """Pages and UI answer behind HTTPS."""
    for host, path in (("pages.localhost", "/ready"), ("ui.localhost", "/api/health")):
        asked = ["wget", "-q", "-O", "/dev/null", "--no-check-certificate", f"https://{host}{path}"]
        assert rehearsal.one("worker").run(asked, timeout=20).returncode == 0, host


def check_metrics(rehearsal: Rehearsal) -> None:
    """Prefect's metrics of a worker are open in the network of the containers, those of a server want the password."""
    worker = rehearsal.one("worker")
    secret = b64encode((rehearsal.folder / "secrets" / "prefect_password").read_bytes()).decode()
    asked = ["wget", "-q", "-O", "/dev/null", "http://server:4200/api/metrics"]
    assert worker.run(asked).returncode != 0
    assert worker.run([*asked, f"--header=Authorization: Basic {secret}"]).returncode == 0
    assert worker.run([*asked[:-1], "http://worker:4201/metrics"]).returncode == 0


def main() -> None:
    """Starts everything, uses it, and ends it."""
    missing = [name for name in _WANTED if not shutil.which(name)]
    if os.geteuid() or missing or sys.platform != "linux":
        sys.exit(f"The compose file is not rehearsed: it needs root on Linux, and {', '.join(missing) or _WANTED}.")
    enter_own_namespaces()
    with tempfile.TemporaryDirectory(prefix="campaign-compose-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        folder.chmod(0o755)
        make_secrets(folder / "secrets")
        write_image(folder)
        rehearsal = Rehearsal(folder)
        with step("Everything is up and healthy"):
            rehearsal.start()
        with step("The roles of the databases are apart"):
            check_roles(rehearsal)
        with step("Pages and UI answer behind the proxy"):
            check_proxy(rehearsal)
        with step("Prefect's metrics can be read"):
            check_metrics(rehearsal)
        with step("No secret is shown, and the limits are wide"):
            check_secrets(rehearsal)
            check_limits(rehearsal)
        with step("A workflow ran without the first server"):
            rehearsal.one("server").stop()
            run_workflow(rehearsal)


if __name__ == "__main__":
    main()
