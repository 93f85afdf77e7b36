"""`campaign sync` killed in the middle, and started twice."""

import sys
import time
from random import Random

import pytest

from campaign.settings import load_settings
from models import SyncState
from tests.command import finish, here, processes_with, start
from tests.forking import fork
from tests.simulated_x import Brand, Connect, SimulatedX

FOLLOWERS, PAGES = 14_200, 15


def wait_for_pages(brand: Brand, pages: int) -> None:
    deadline = time.monotonic() + 100
    while len(brand.pages_asked()) < pages:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("database", "kills"), [("sqlite", 3), ("postgresql", 2)], indirect=["database"])
def test_a_sync_killed_again_and_again_goes_on_from_its_last_page(x: SimulatedX, connect: Connect, kills: int) -> None:
    brand, chance = connect("acme", FOLLOWERS), Random(7)
    x.fault(brand.pages_path, "slow", seconds=0.08, times=None)
    for _ in range(kills):
        asked = len(brand.pages_asked())
        process = fork("sync", "acme", "--json")
        wait_for_pages(brand, asked + 1)
        time.sleep(chance.uniform(0, 0.4))
        process.kill()
        assert process.end().out == ""
    x.be_well()

    done = here("sync", "acme", "--json")

    assert done.status == 0, done.err
    [line] = done.document
    assert (line["state"], line["followers"], line["new"], line["ended"]) == ("finished", FOLLOWERS, FOLLOWERS, 0)
    assert line["pages"] == PAGES
    assert brand.table() == brand.truth()
    [run] = brand.readings()
    assert (run.state, run.restarts) == (SyncState.FINISHED, 0)
    # Of each killed process a page that was read and not written, and one that was asked for meanwhile.
    assert PAGES < len(brand.pages_asked()) <= PAGES + 2 * kills
    assert brand.booked() >= brand.readings()[0].cost


def test_of_two_at_once_the_second_says_so_and_the_first_finishes(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 5_500)
    x.fault(brand.pages_path, "slow", seconds=0.8, times=None)
    first = fork("sync", "acme", "--json")
    wait_for_pages(brand, 1)

    second = here("sync", "acme", "--json")

    assert second.status == 1
    assert second.sentence == (
        "acme: acme is being synchronised by another run; wait for it or stop it, then try again."
    )
    assert [line["state"] for line in second.document] == ["failed"]
    x.be_well()
    done = first.end()
    assert (done.status, done.document[0]["state"]) == (0, "finished")
    assert brand.table() == brand.truth()
    assert len(brand.pages_asked()) == 6


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by their environment in /proc")
def test_a_sync_starts_no_server_and_leaves_no_process_when_it_is_killed(x: SimulatedX, connect: Connect) -> None:
    brand, home = connect("acme", 5_500), str(load_settings().home)
    x.fault(brand.pages_path, "slow", seconds=0.5, times=None)
    process = start("sync", "acme")
    wait_for_pages(brand, 1)
    assert processes_with("CAMPAIGN_HOME", home) == [process.pid]

    process.kill()
    finish(process)

    assert processes_with("CAMPAIGN_HOME", home) == []
