"""`campaign user` and `campaign audit`, and approvals that are asked for by command."""

from pathlib import Path
from typing import Any

import pendulum
import pytest

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from models import DeliveryState
from tests.command import Done, here
from tests.databases import Database
from tests.engaging import went_out
from tests.readings import saved_service
from tests.simulated_x import Connect

DAY = pendulum.today("UTC").add(days=3).date()


@pytest.fixture(autouse=True)
def _in_use(sqlite_database: Database) -> None:
    assert sqlite_database


def user(*words: str) -> Done:
    return here("user", *words)


def people() -> Any:
    return user("list", "--json").document


def test_a_person_gets_access_other_roles_another_address_and_loses_it() -> None:
    added = user("add", "Boss", "--role", "operator", "--json").document
    assert "/desk/welcome/" in added["link"]
    user("add", "ann@example.com", "--full-name", "Ann", "--role", "viewer")
    assert user("roles", "ann@example.com", "--role", "writer").status == 0
    assert user("edit", "ann@example.com", "--email", "ann@other.example").status == 0
    ann = {"name": "ann@example.com", "full_name": "Ann", "email": "ann@other.example", "roles": ["writer"]}
    assert people() == [ann, {"name": "boss", "full_name": "boss", "email": "", "roles": ["operator"]}]
    link = user("reset", "ann@example.com", "--json").document["link"]
    assert "/desk/welcome/" in link
    assert user("remove", "ann@example.com", "--yes").status == 0
    assert [one["name"] for one in people()] == ["boss"]
    assert "One operator of all services must be left" in user("remove", "boss", "--yes").sentence
    entries = here("audit", "--search", "ann@example.com", "--json").document
    assert [one["action"] for one in entries] == ["removed", "link made", "changed", "roles changed", "added"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "two words", "--role", "viewer"), "Invalid name 'two words'"),
        (("add", "ann", "--role", "king"), "Invalid role 'king'"),
        (("add", "ann", "--role", "nowhere:viewer"), "There is no service 'nowhere'"),
        (("add", "ann", "--role", "viewer", "--email", "a@b.c\nBcc: x@y.z"), "Invalid email address"),
        (("edit", "nobody", "--email", "a@b.c"), "There is no account 'nobody'"),
    ],
)
def test_wrong_input_is_one_sentence(words: tuple[str, ...], said: str) -> None:
    user("add", "boss", "--role", "operator")
    done = user(*words)
    assert (done.status, said in done.sentence) == (2, True), done.err


def test_the_audit_is_a_table_and_a_file_without_formulas() -> None:
    user("add", "boss", "--role", "operator", "--full-name", "=1+1")
    here("segment", "save", "=cmd()", "verified")
    assert "segment =cmd()" in here("audit").out
    lines = here("audit", "--csv", "--search", "segment").out.splitlines()
    assert lines[0].removeprefix("\ufeff") == "at,who,what,action,detail"
    assert ",segment =cmd(),saved," in lines[1]
    assert here("audit", "--csv", "--json").status == 2


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (("visitors", "--csv"), "followers exported"),
        (("visitors", "--json"), "followers exported"),
        (("consent", "list", "acme", "--json"), "consents exported"),
        (("denylist", "list", "--json"), "denylist exported"),
        (("contact", "list", "--json"), "contacts exported"),
        (("audit", "--csv"), "audit exported"),
        (("delivery", "log", "launch", "--csv"), "log exported"),
    ],
)
def test_what_is_printed_in_full_stands_in_the_audit(words: tuple[str, ...], action: str) -> None:
    went_out(saved_service(), "launch")
    assert here(*words).status == 0
    assert here("audit", "--search", action, "--json").document[0]["action"] == action


def test_approval_is_asked_for_by_command(connect: Connect, tmp_path: Path) -> None:
    connect("acme")
    post = ("delivery", "create", "--kind", "post", "--service", "acme", "--text", "Hello", "--label")
    made = here(*post, "News", "--at", f"{DAY}T10:00", "--json").document["name"]
    here("delivery", "analyse", made)
    assert not _asked(made)
    assert here("delivery", "analyse", made, "--ask").status == 0
    assert _asked(made)

    first = here(*post, "Tip", "--at", f"{DAY}T12:00", "--json").document["name"]
    planned = here("series", "create", first, "--every", "week", "--times", "3", "--json").document["planned"]
    assert "wait for approval" in here("series", "ask", "1").sentence
    assert all(map(_asked, planned))

    file = tmp_path / "plan.csv"
    file.write_text(f"date,time,accounts,text\n{DAY.add(days=1)},10:00,acme,Good morning\n")
    [imported] = here("delivery", "import", str(file), "--ask", "--json").document
    assert _asked(imported["delivery"])


def _asked(name: str) -> bool:
    with read_session() as session:
        delivery = deliveries.named(session, name)
    return delivery.state is DeliveryState.ANALYSED and delivery.asked_at is not None
