"""How often a delivery is analysed and its file read, from its draft to X: counted by the interpreter's own hooks."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from campaign.broadcasts.analysis import analyse_broadcast
from campaign.kinds import kind_of
from campaign.posts.analysis import analyse
from tests.command import here
from tests.pictures import picture
from tests.simulated_x import Connect
from tests.steps.running import sync

_ANALYSES = {analyse.__code__, analyse_broadcast.__code__}
_watched = Counter[str]()


def _note_open(event: str, arguments: tuple[Any, ...]) -> None:
    # An opener raises the event a second time, without a mode.
    if event == "open" and arguments[1] and str(arguments[0]) in _watched:
        _watched[str(arguments[0])] += 1


sys.addaudithook(_note_open)


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Counts the calls of both analyses while it lasts."""
    calls: list[str] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code in _ANALYSES:
            calls.append(frame.f_code.co_name)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield lambda: len(calls)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A picture whose reads are counted."""
    made = tmp_path / "media" / "shop.png"
    made.parent.mkdir()
    made.write_bytes(picture("PNG"))
    _watched[str(made)] = 0
    yield made
    _watched.clear()


def run(*words: str) -> Any:
    done = here("delivery", *words, "--json", CAMPAIGN_SETTLE_SECONDS="1", CAMPAIGN_INBOX_SECONDS="0")
    assert done.status == 0, done.err
    return done.document


def reads_of(file: Path, *words: str) -> int:
    """How often the file is read by one command."""
    before = _watched[str(file)]
    run(*words)
    return _watched[str(file)] - before


def test_a_post_is_analysed_once_and_its_file_read_once_a_step(connect: Connect, file: Path) -> None:
    acme, proofs = connect("acme"), connect("proofs")
    of = ("--service", acme.name, "--text", "One", "--media", str(file), "--alt", "A shop", "--proof", proofs.name)
    name = str(run("create", "--kind", "post", *of)["name"])
    with counted() as analyses:
        assert reads_of(file, "analyse", name) == 1
        assert analyses() == 1
        for step in ("preview", "proof", "confirm", "send"):
            assert reads_of(file, step, name) == 1, step
        assert analyses() == 1
    assert len(acme.x.command("GET", "accounts/acme/posts")["posts"]) == 1
    assert len(acme.x.command("GET", "accounts/proofs/posts")["posts"]) == 1


def test_a_broadcast_is_analysed_once_and_its_file_read_once_a_step(connect: Connect, file: Path) -> None:
    acme = connect("acme", 3, spend_cap=1_000)
    assert sync("acme").is_completed
    person = next(user for user in acme.users() if user.get("username") and user["id"] in acme.truth())
    of = ("--service", "acme", "--text", "Hello", "--media", str(file), "--proof", person["username"])
    name = str(run("create", "--kind", "dm", *of)["name"])
    with counted() as analyses:
        assert reads_of(file, "analyse", name) == 1
        assert analyses() == 1
        for step, *more in (["proof"], ["confirm", "--accept-unconsented"], ["send"]):
            assert reads_of(file, step, name, *more) == 1, step
        assert analyses() == 1
    sent = [one for one in acme.x.command("GET", "accounts/acme/messages")["messages"] if not one.get("proof")]
    assert len(sent) == 4


def test_an_analysis_that_is_asked_for_again_is_made_again(connect: Connect) -> None:
    connect("acme")
    name = str(run("create", "--kind", "post", "--service", "acme", "--text", "One")["name"])
    with counted() as analyses:
        run("analyse", name)
        run("analyse", name)
        assert analyses() == 2


def test_rendering_analyses_nothing_and_has_the_fingerprint_of_the_analysis(connect: Connect) -> None:
    connect("acme")
    name = str(run("create", "--kind", "post", "--service", "acme", "--text", "One")["name"])
    run("analyse", name)
    with counted() as analyses:
        rendered = kind_of(name).render(name)
        assert analyses() == 0
    assert rendered.fingerprint == rendered.delivery.analysed_fingerprint
