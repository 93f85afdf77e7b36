"""No text of others reaches a terminal with control characters, whichever command prints it."""

import json
import re
from io import StringIO
from pathlib import Path

import pendulum
import pytest
from rich.console import Console

from campaign.cli import output
from campaign.cli.main import COMMANDS, Group
from campaign.db.engine import transaction
from campaign.deliveries import media
from campaign.deliveries.approval import compose
from campaign.deliveries.draft import Audience, Broadcast, Content, Draft, Part, PollContent
from campaign.formatting import printable, printable_json
from campaign.services.store import find_service
from models import DeliveryKind
from tests.command import here
from tests.factories import follower, page
from tests.pictures import picture
from tests.readings import read_all
from tests.simulated_x import Connect

#: It clears the screen, names the window, turns the text around, begins a line, rings, and ends a string of a terminal.
ATTACK = "Ana\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066x\u2028\r\x7f\x08\x00 :dog: [bold red]"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
#: SQLite and PostgreSQL hold no NUL in a text, and X sends none.
STORED = ATTACK.replace("\x00", "")


@pytest.fixture
def names(connect: Connect) -> tuple[str, str]:
    """A post and a broadcast of a service, a follower, a contact, a file: all with hostile texts."""
    connect("acme", label=STORED)
    acme = find_service("acme")
    person = follower(1, username="ana", full_name=STORED, location=STORED)
    read_all(acme, [page([person, follower(2)])])
    text = Part(text=STORED, poll=PollContent(options=[STORED[:25], STORED[:20]]))
    described = {"label": STORED, "code": STORED, "description": STORED, "services": ["acme"]}
    post = compose(Draft(**described, content=Content(parts=[text])), actor=STORED, template="twitter")
    messages = Broadcast(audience=Audience(where=f"full_name != '{printable(STORED)}'"))
    content = Content(parts=[Part(text=STORED)])
    broadcast = compose(Draft(**described, kind=DeliveryKind.DM, content=content, broadcast=messages), actor=STORED)
    with transaction() as session:
        media.save(session, STORED, picture("PNG"), STORED, pendulum.now("UTC"), STORED)
    here("consent", "grant", "acme", "ana", "--note", STORED)
    here("denylist", "add", "2", "--note", STORED)
    here("template", "save", post.name, "--as", "hostile", "--with-content")
    for name in (post.name, broadcast.name):
        here("delivery", "analyse", name)
        here("delivery", "reject", name, "--comment", STORED)
    return post.name, broadcast.name


SHOWN = [
    *("visitors", "visitors --csv", "visitors --json", "service list", "consent list acme", "consent unclear acme"),
    *("denylist list", "contact list", "contact show --username ana", "media list"),
    *("slot list", "series list", "segment list"),
    *(
        "contact export --username ana",
        "delivery list",
        "template list",
        "template show hostile",
        "report service acme",
    ),
    *("report all", "report service acme --csv", "user list", "audit", "audit --json", "workflow list"),
    *(f"delivery {verb} {{}}" for verb in ("show", "analyse", "preview", "log", "log --csv")),
    *("report delivery {}", "delivery show {} --json", "media list --json", "denylist list --json"),
]


def test_the_attack_is_in_the_tables_and_no_command_shows_it(names: tuple[str, str], tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.csv"
    contacts.write_text(f'external_id,username,email,full_name\n1,ana,ana@example.com,"{STORED}"\n', newline="")
    here("contact", "import", str(contacts))
    hostile = 0
    for line in SHOWN:
        for name in names if "{}" in line else ("",):
            done = here(*line.format(name).split())
            assert done.status in {0, 1}, done.err
            assert CONTROL.findall((done.out + done.err).replace("\r\n", "\n")) == [], line
            hostile += "gnp.exe" in done.out
            if "--json" in line:
                assert json.loads(done.out) is not None
    assert hostile > len(SHOWN) // 2
    [ana] = [row for row in here("visitors", "--json").document if row["external_id"] == "1"]
    assert ana["full_name"] == STORED


def test_every_command_that_lists_is_tried() -> None:
    listing = {
        f"{group} {name}"
        for group, entry in COMMANDS.items()
        if isinstance(entry, Group)
        for name in entry.commands
        if name in {"list", "show", "unclear", "export"}
    }
    assert listing <= {" ".join(line.split()[:2]) for line in SHOWN}


@pytest.mark.parametrize(
    "words",
    [
        ["delivery", "show", STORED],
        ["delivery", "create", "--service", STORED, "--text", "x"],
        ["delivery", "create", "--service", "acme", "--text", "x", "--media", STORED],
        ["visitors", "--where", f"{STORED} = 1"],
        ["media", "add", STORED],
        ["contact", "show", "--username", STORED],
        ["contact", "import", STORED],
        [STORED],
        ["delivery", f"--{STORED}"],
    ],
)
@pytest.mark.usefixtures("sqlite_database")
def test_an_error_that_repeats_a_text_is_one_plain_line(words: list[str]) -> None:
    done = here(*words)
    assert (done.status, done.out) == (2, "")
    assert CONTROL.findall(done.sentence) == []


def test_a_question_shows_no_control_character(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    assert output.confirm(f"Delete {ATTACK}?")
    shown = capsys.readouterr()
    assert CONTROL.findall(shown.err + shown.out) == []


def test_a_table_shows_markup_and_emoji_as_they_were_written(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table([{"Name": ATTACK}])
    assert ":dog: [bold red]" in capsys.readouterr().out
    assert not Console.is_terminal.fget(output.console())  # type: ignore[attr-defined]


def test_names_in_scripts_from_right_to_left_and_emoji_stay_as_they_are() -> None:
    for name in ("\u200fשרה\u200f", "محمد\u061c", "👩\u200d👧", "🏴\U000e0067\U000e0062\U000e007f", "a\tb\nc"):
        assert printable(name) == name


def test_escaped_json_means_the_same() -> None:
    document = json.dumps({"name": ATTACK}, ensure_ascii=False)
    assert CONTROL.findall(printable_json(document)) == []
    assert json.loads(printable_json(document)) == {"name": ATTACK}
