"""The table of commands: complete, true to what it imports, and read without importing it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from inspect import cleandoc, signature
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from campaign.cli.main import COMMANDS, Command, Group, LazyGroup, app
from campaign.settings import ROOT

TREE: Any = get_command(app)
HEAVY = ("sqlalchemy", "sqlmodel", "prefect", "tweepy", "requests", "rich.console", "pendulum", "jinja2", "models")
#: The commands that start a Prefect server or a worker, or register workflows with a server.
WITH_SERVER = {"up", "demo", "deploy", "move", "worker"}


def every_command() -> Iterator[tuple[str, Command]]:
    for name, entry in COMMANDS.items():
        if isinstance(entry, Group):
            yield from ((f"{name} {part}", command) for part, command in entry.commands.items())
        else:
            yield name, entry


ALL = dict(every_command())


def loaded(words: str) -> Any:
    """The command that Typer makes of the function in the table."""
    command = TREE
    for word in words.split():
        command = command.get_command(None, word)
    return command


def first_sentence(text: str) -> str:
    return re.split(r"(?<=[.])\s", cleandoc(text), maxsplit=1)[0]


@pytest.mark.parametrize("words", ALL)
def test_a_line_of_the_table_begins_the_help_of_its_command(words: str) -> None:
    written, shown = first_sentence(loaded(words).help).rstrip("."), ALL[words].help
    assert shown.endswith(".")
    # The help may go on where the line of the list ends.
    assert re.match(rf"{re.escape(shown.rstrip('.'))}(?=$|[,:;])", written)


@pytest.mark.parametrize("words", ALL)
def test_a_command_is_what_its_function_takes(words: str) -> None:
    names = {parameter.name for parameter in loaded(words).params} - {"help"}
    module, function = ALL[words].place.split(".")
    taken = signature(getattr(sys.modules[f"campaign.cli.{module}"], function)).parameters
    assert names == set(taken)


def test_every_group_is_lazy_and_lists_its_table() -> None:
    groups = {name: entry for name, entry in COMMANDS.items() if isinstance(entry, Group)}
    assert {"service", "delivery", "report"} < groups.keys()
    for name, group in groups.items():
        assert isinstance(loaded(name), LazyGroup)
        assert list(loaded(name).commands) == list(group.commands)
        assert loaded(name).help == group.help


def test_the_folder_is_small() -> None:
    files = [file for file in (ROOT / "campaign" / "cli").glob("*.py") if file.name != "__init__.py"]
    assert len(files) <= 18
    assert max(len(file.read_text().splitlines()) for file in files) <= 600


def run(code: str, *arguments: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, with a home of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CAMPAIGN_", "PREFECT_"))}
    environment = inherited | {"CAMPAIGN_HOME": str(home)} | more
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)


#: Runs a command, then writes which of the modules it was asked about are imported.
WATCHED = """
import sys
watched, sys.argv = sys.argv[1].split(","), ["campaign", *sys.argv[2:]]
from campaign.cli.main import main
try:
    main()
except SystemExit as end:
    status = end.code or 0
print("imported:", *[name for name in watched if name in sys.modules], file=sys.stderr)
sys.exit(status)
"""


def imported(*words: str, home: Path, **more: str) -> tuple[str, list[str]]:
    """What a command printed, and which heavy modules it imported."""
    done = run(WATCHED, ",".join(HEAVY), *words, home=home, **more)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout, done.stderr.splitlines()[-1].removeprefix("imported:").split()


@pytest.mark.parametrize("words", ["--help", "--version", "delivery --help", "service --help", "db --help", "nonsense"])
def test_help_imports_nothing_heavy(words: str, tmp_path: Path) -> None:
    assert imported(*words.split(), home=tmp_path)[1] == []


def test_the_version_is_shown(tmp_path: Path) -> None:
    assert imported("--version", home=tmp_path)[0] == f"campaign {version('campaign')}\n"


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("campaign del", ["delivery"]),
        ("campaign de", ["demo", "delivery", "denylist", "deploy"]),
        ("campaign delivery an", ["analyse"]),
        ("campaign delivery re", ["reject", "resume"]),
        ("campaign service ", ["create", "edit", "list", "check", "remove"]),
        ("campaign delivery nothing", []),
    ],
)
def test_names_are_completed_without_importing_commands(words: str, completed: list[str], tmp_path: Path) -> None:
    variables = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_CAMPAIGN_COMPLETE": "complete_bash"}
    printed, modules = imported(home=tmp_path, **variables)
    assert (printed.split(), modules) == (completed, [])


def test_options_are_completed(tmp_path: Path) -> None:
    words = "campaign delivery list --st"
    variables = {"COMP_WORDS": words, "COMP_CWORD": "3", "_CAMPAIGN_COMPLETE": "complete_bash"}
    assert imported(home=tmp_path, **variables)[0].split() == ["--state"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_for_completions(shell: str, tmp_path: Path) -> None:
    printed, modules = imported("--show-completion", shell, home=tmp_path)
    assert f"_CAMPAIGN_COMPLETE=complete_{shell}" in printed
    assert modules == []


#: What each command is called with, in a home without anything in it; most of them refuse, after all imports.
CALLS = {
    "service create": "acme",
    "service edit": "acme --label Acme",
    "service check": "acme",
    "service remove": "acme --yes",
    "sync": "acme",
    "delivery create": "--service acme --text Hello",
    "delivery edit": "post-2026-11-30 --text Hello",
    "delivery settle": "post-2026-11-30 --not-sent",
    "template show": "post",
    "template duplicate": "post copy",
    "template save": "post-2026-11-30 --as mine",
    "template delete": "mine",
    "visitors": "--where verified",
    "consent grant": "acme ana --note paper",
    "consent withdraw": "acme ana --note paper",
    "consent import": "acme {file} --note paper",
    "consent list": "acme",
    "denylist add": "ana --note paper",
    "denylist remove": "ana",
    "contact show": "--username ana",
    "contact import": "{file}",
    "contact export": "--username ana",
    "contact erase": "--username ana --yes",
    "report delivery": "post-2026-11-30",
    "report service": "acme",
}
#: These run until they are ended: a test of their own looks at what they import.
SERVING = {"web", "simulator"}


def test_no_other_command_imports_prefect(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("username\nana\n")
    unmeasured = WITH_SERVER | SERVING
    calls = {name: CALLS.get(name, "post-2026-11-30" if name.startswith("delivery ") else "") for name in ALL}
    calls |= dict.fromkeys(["delivery list", "template list", "denylist list", "contact list", "service list"], "")
    script = "\n".join(
        f"run({[*name.split(), *words.format(file=file).split()]!r})"
        for name, words in calls.items()
        if name not in unmeasured
    )
    # A simulated X where nothing answers: no command is to reach the real one.
    done = run(EACH + script, home=tmp_path, CAMPAIGN_X_API_URL="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    states = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines() if line.startswith("ran:"))
    assert len(states) == len(ALL) - len(unmeasured)
    assert set(states.values()) <= {"0", "1", "2"}


EACH = """
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from campaign.cli.main import main
def run(words):
    sys.argv, err = ["campaign", *words], StringIO()
    with redirect_stdout(StringIO()), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    assert "should not have happened" not in err.getvalue(), err.getvalue()
    assert "prefect" not in sys.modules, words
    print("ran:", " ".join(words[:2]), len(words), status)
"""


def test_the_pages_and_the_simulator_need_no_prefect(tmp_path: Path) -> None:
    modules = "campaign.web.app, campaign.cli.server, campaign.simulator.server"
    assert run(f"import sys, {modules}; sys.exit('prefect' in sys.modules)", home=tmp_path).returncode == 0


def test_every_command_is_named_once() -> None:
    places = [command.place for command in ALL.values()]
    assert len(set(places)) == len(places)
    assert not set(chain.from_iterable(words.split() for words in COMMANDS)) & {"help", "version"}
