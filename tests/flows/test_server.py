"""The Prefect server of a home: found by the other commands, of the right version, for this machine only."""

from pathlib import Path

import pytest

from campaign.settings import Settings
from deployments.address import check_version
from deployments.server import Server, server_of


def test_a_server_is_found_by_its_home_and_listens_on_loopback_only(
    prefect_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    assert server_of(Settings(home=prefect_server.process.log.parent.parent)) == prefect_server.address

    check_version(prefect_server.address)
    assert listens_only_on_loopback(int(prefect_server.url.rpartition(":")[2]))


def listens_only_on_loopback(port: int) -> bool:
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    addresses = [line.split()[1] for line in listening.splitlines() if line.split()[3] == "0A"]
    return [address for address in addresses if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]
