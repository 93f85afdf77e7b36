import ast
from itertools import product
from pathlib import Path

import pytest

from campaign.errors import InvalidTransition
from campaign.settings import ROOT
from models import SyncState
from models.visitor import NEXT
from tests.factories import sync_run

RESUMABLE = {SyncState.WAITING, SyncState.STOPPED, SyncState.INTERRUPTED, SyncState.FAILED}
ALLOWED = {(SyncState.RUNNING, state) for state in RESUMABLE | {SyncState.REFUSED, SyncState.FINISHED}} | {
    (state, SyncState.RUNNING) for state in RESUMABLE
}
FORBIDDEN = sorted(set(product(SyncState, repeat=2)) - ALLOWED)


@pytest.mark.parametrize(("current", "wanted"), sorted(ALLOWED))
def test_a_reading_may_become(current: SyncState, wanted: SyncState) -> None:
    run = sync_run(state=current)
    run.become(wanted)
    assert run.state is wanted


@pytest.mark.parametrize(("current", "wanted"), FORBIDDEN)
def test_a_reading_may_not_become(current: SyncState, wanted: SyncState) -> None:
    run = sync_run(state=current)
    with pytest.raises(InvalidTransition) as caught:
        run.become(wanted)
    assert str(caught.value) == f"Sync 7 is {current} and cannot become {wanted}."
    assert run.state is current


def test_every_state_has_its_future_written_down() -> None:
    assert set(NEXT) == set(SyncState)


def test_a_new_reading_is_running() -> None:
    assert sync_run().state is SyncState.RUNNING


def changes_of_a_run_state(file: Path) -> list[str]:
    """Where a file sets the state of something it calls a run past the one door."""
    assignments = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Assign))
    targets = (target for node in assignments for one in node.targets for target in ast.walk(one))
    return [
        f"{file}:{target.lineno}"
        for target in targets
        if isinstance(target, ast.Attribute)
        and target.attr == "state"
        and isinstance(target.value, ast.Name)
        and target.value.id in {"run", "last", "dead"}
    ]


def test_there_is_one_door_to_the_state_of_a_reading() -> None:
    folders = ("campaign", "flows", "tasks")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    assert files
    assert [place for file in files for place in changes_of_a_run_state(file)] == []
