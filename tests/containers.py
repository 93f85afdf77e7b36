"""Containers where no Docker engine is: namespaces of Linux, each with what its service of the compose file says.

A container has a root of its own that it can only read, an address on a bridge, the names of its network, its secrets,
configurations, volumes and temporary folders, no rights but those that the file adds, and the user of its image. The
programs are those of this machine: our image is this checkout with its .venv, other images are what Debian has.
"""

import os
import pwd
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from campaign.settings import ROOT
from tests.compose_file import image_of

DEPLOYMENTS = ROOT / "deployments"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What pip would have installed into the image.
_COMMANDS = {"campaign": "campaign.cli.main:main", "prefect": "prefect.cli:app"}
#: What the image of PostgreSQL does at its start.
_POSTGRESQL = """
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username=postgres --encoding=UTF8 --locale=C.UTF-8 --pwfile="$POSTGRES_PASSWORD_FILE" \\
    --auth-local=trust --auth-host=scram-sha-256 --no-sync
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  pg_ctl --wait --options="-c listen_addresses=''" start
  for file in /docker-entrypoint-initdb.d/*; do psql --username=postgres --no-psqlrc --file="$file"; done
  pg_ctl --wait --mode=fast stop
fi
exec postgres -c listen_addresses='*'
"""


@dataclass(frozen=True)
class Image:
    """What an image gives its containers."""

    environment: Mapping[str, str]
    user: int = 0
    command: Sequence[str] = ()
    workdir: str = "/"


def image_named(name: str) -> Image:
    """Returns the stand-in for an image of the compose file."""
    match name.partition(":")[0]:
        case "campaign":
            environment, user = image_of(DEPLOYMENTS / "Dockerfile")
            path = environment["PATH"].replace("$PATH", _PATH)
            # The checkout is what the wheel installs.
            # The image was compiled when it was built; here the first process does it for the others.
            compiled = {"PYTHONPYCACHEPREFIX": "/opt/compiled"}
            more = {"PATH": path, "HOME": "/home/campaign", "PYTHONPATH": "/opt/source"} | compiled
            return Image(environment | more, user, workdir="/home/campaign")
        case "postgres":
            programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
            environment = {"PATH": f"{programs}:{_PATH}", "PGDATA": "/var/lib/postgresql/data"}
            return Image(environment, command=["sh", "-ec", _POSTGRESQL])
        case "caddy":
            return Image({"PATH": _PATH, "XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"})
        case _:
            return Image({"PATH": _PATH})


def enter_own_namespaces() -> None:
    """Starts this program again where its bridge, mounts and processes are its own and end with it."""
    if "CONTAINERS_ARE_HERE" not in os.environ:
        os.environ["CONTAINERS_ARE_HERE"] = "yes"
        unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        os.execvp(unshare[0], [*unshare, *sys.orig_argv])
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")  # where the names of network namespaces are
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "bridge", "type", "bridge")
    _run("ip", "addr", "add", "172.30.0.1/16", "dev", "bridge")
    _run("ip", "link", "set", "bridge", "up")


@dataclass
class Container:
    """One container of a service."""

    name: str
    address: str
    service: Mapping[str, Any]
    folder: Path
    """Where its root, its log and the volumes and secrets of all are."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.image = image_named(self.service["image"])
        user = self.service.get("user")
        self.user = pwd.getpwnam(user).pw_uid if user else self.image.user
        given = {name: str(value) for name, value in (self.service.get("environment") or {}).items()}
        self.environment = dict(self.image.environment) | given
        self.root = self.folder / self.name
        self.log = self.folder / f"{self.name}.log"

    def start(self, compose: Mapping[str, Any], hosts: str) -> None:
        """Starts it in namespaces of its own."""
        _run("ip", "netns", "add", self.name)
        cable = ["type", "veth", "peer", "name", "eth0", "netns", self.name]
        _run("ip", "link", "add", f"to-{self.name}"[:15], "master", "bridge", "up", *cable)
        for order in (f"addr add {self.address}/16 dev eth0", "link set eth0 up", "link set lo up"):
            _run("ip", "-netns", self.name, *order.split())
        (self.folder / f"{self.name}.hosts").write_text(hosts)
        self.root.mkdir()
        command = self.service.get("command") or self.image.command
        lines = [
            "set -e",
            *self._mounts(compose),
            shlex.join(["exec", "chroot", str(self.root), *self._as_user(command)]),
        ]
        script = self.folder / f"{self.name}.sh"
        script.write_text("\n".join([*lines, ""]))
        with self.log.open("wb") as log:
            unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", str(script)]
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.name}", *unshare],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _mounts(self, compose: Mapping[str, Any]) -> Iterator[str]:
        yield "mount --make-rprivate /"
        yield f"mount -t tmpfs -o mode=0755 tmpfs {self.root} && cd {self.root}"
        for name in ("bin", "sbin", "lib", "lib64", "usr", "etc"):
            place = Path("/", name)
            if place.is_symlink():
                yield f"ln -s {place.readlink()} {name}"
            elif place.exists():
                yield from _bind(place, name)
        yield "mkdir -p proc dev run var home/campaign && ln -s ../run var/run"
        yield "mount -t proc proc proc && mount --rbind /dev dev"
        yield from _bind(self.folder / f"{self.name}.hosts", "etc/hosts")
        # The interpreter that the environment of this checkout was made with, where it expects it.
        yield from _bind(Path(sys.base_prefix), sys.base_prefix.strip("/"))
        yield from _bind(Path(sys.prefix), "opt/campaign")
        yield from _bind(ROOT, "opt/source")
        yield f"mkdir -p opt/compiled && mount --bind {self.folder}/compiled opt/compiled"
        for name in _COMMANDS:
            yield from _bind(self.folder / "bin" / name, f"opt/campaign/bin/{name}")
        for name in self.service.get("secrets", []):
            yield from _bind(self.folder / compose["secrets"][name]["file"], f"run/secrets/{name}")
        for config in self.service.get("configs", []):
            yield from _bind(DEPLOYMENTS / compose["configs"][config["source"]]["file"], config["target"].strip("/"))
        for place in self.service.get("tmpfs", []):
            target, _, options = place.strip("/").partition(":")
            yield f"mkdir -p {target} && mount -t tmpfs -o {options or 'mode=1777'} tmpfs {target}"
        for volume in self.service.get("volumes", []):
            source, target = volume.split(":/")
            place = self.folder / "volumes" / source
            if not place.exists():
                place.mkdir(mode=0o700, parents=True)
                os.chown(place, self.user, self.user)
            yield f"mkdir -p {target} && mount --bind {place} {target}"
        yield f"mount -o remount,ro {self.root} && cd /"

    def _as_user(self, command: Sequence[str]) -> list[str]:
        added = "".join(f",+{right.lower()}" for right in self.service.get("cap_add", []))
        user = [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        rights = ["--no-new-privs", "--inh-caps=-all", f"--bounding-set=-all{added}"]
        return ["/usr/bin/setpriv", *user, *rights, "/usr/bin/env", "-C", self.image.workdir, *command]

    def run(self, command: Sequence[str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs a command in it, as `docker compose exec` does."""
        assert self.process
        target = psutil.Process(self.process.pid).children()[0].pid
        enter = ["nsenter", f"--target={target}", "--mount", "--net", "--pid", "--root", "--wd=/"]
        call = [*enter, *self._as_user(command)]
        return subprocess.run(
            call,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def is_healthy(self) -> bool:
        """Runs the health check of the service once."""
        kind, *words = self.service["healthcheck"]["test"]
        try:
            return self.run(words if kind == "CMD" else ["sh", "-c", *words], timeout=10).returncode == 0
        except (subprocess.TimeoutExpired, psutil.NoSuchProcess, IndexError):
            return False

    def wait(self, condition: str, timeout: float = 300) -> None:
        """Waits until it is healthy or has ended well; raises RuntimeError with its last lines otherwise."""
        assert self.process
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            status = self.process.poll()
            if condition == "service_completed_successfully" and status == 0:
                return
            if status is not None:
                break
            if condition == "service_healthy" and self.is_healthy():
                return
            time.sleep(0.2)
        last = "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])
        raise RuntimeError(f"{self.name}: no {condition}; it ended: {self.process.returncode}\n{last}")

    def processes(self) -> list[psutil.Process]:
        """Lists what runs in it."""
        if self.process is None or self.process.poll() is not None:
            return []
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> None:
        """Ends it as `docker compose stop` does."""
        assert self.process
        for process in psutil.Process(self.process.pid).children():
            process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def write_image(folder: Path) -> None:
    """Writes the commands of our image, for containers to find, and makes room for compiled modules."""
    (folder / "compiled").mkdir()
    (folder / "compiled").chmod(0o777)
    (folder / "bin").mkdir()
    for name, place in _COMMANDS.items():
        module, function = place.split(":")
        file = folder / "bin" / name
        file.write_text(f"#!/opt/campaign/bin/python\nfrom {module} import {function}\n{function}()\n")
        file.chmod(0o755)


def _bind(source: Path, target: str) -> Iterator[str]:
    if source.is_dir():
        yield f"[ -d {target} ] || mkdir -p {target}"
    else:
        yield f"[ -e {target} ] || {{ mkdir -p $(dirname {target}) && touch {target}; }}"
    yield f"mount --rbind {source} {target} && mount -o remount,bind,ro {target}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
