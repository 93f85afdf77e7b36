"""`campaign consent` and `campaign denylist` on both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from campaign.audience import visitors
from campaign.consent import permission
from campaign.consent import store as consent
from campaign.db.engine import read_session, transaction
from models import ConsentSource, MessageState, Service, Visitor
from tests.command import here
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.planned import broadcast, message_to, state_of
from tests.readings import everybody, read_all, saved_service

NOTE = ("--note", "card 12")


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    """Followed by ana (1), bo (2), and two who were called cy when they were met (3, 4); 5 is called 1."""
    acme = saved_service()
    names = {1: "Ana", 2: "bo", 3: "cy", 4: "Cy", 5: "1"}
    read_all(acme, [page([follower(number, username=name) for number, name in names.items()])])
    return acme


def done(*words: str) -> Any:
    """Run a command that succeeds; the document that it printed."""
    ended = here(*words, "--json")
    assert (ended.status, ended.err) == (0, "")
    return ended.document


def refused(*words: str, status: int = 2) -> str:
    """Run a command that is refused; its one sentence."""
    ended = here(*words)
    assert (ended.status, ended.out) == (status, "")
    return ended.sentence


def waiting_for(service: Service, person: str) -> int:
    return message_to(broadcast(service), service, everybody()[person].id)


def listed(*words: str) -> list[tuple[str, str]]:
    return [(row["external_id"], row["source"]) for row in done("consent", "list", "acme", *words)]


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("person", "external_id"),
    [
        *(("ana", "1"), ("@ANA", "1"), ("2", "2"), ("1", "1"), ("@1", "5"), ("https://x.com/Ana?s=20", "1")),
        *(("x.com/i/user/1", "1"), ("twitter.com/1", "5")),
    ],
)
def test_a_visitor_is_named_by_handle_id_or_address(person: str, external_id: str) -> None:
    given = done("consent", "grant", "acme", person, *NOTE)
    assert (given["external_id"], given["service"], given["consent"]) == (external_id, "acme", "given")
    assert listed() == [(external_id, "operator")]


@pytest.mark.usefixtures("acme")
def test_a_consent_that_was_given_before_is_reported() -> None:
    done("consent", "grant", "acme", "ana", *NOTE)
    assert done("consent", "grant", "ACME", "ana", *NOTE)["consent"] == "given before"
    assert len(listed()) == 1


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("consent", "grant", "acme", "cy", *NOTE), "that of several visitors; name one by the X user id: 3 and 4."),
        (("consent", "grant", "acme", "dee", *NOTE), "There is no visitor 'dee'"),
        (("consent", "grant", "acme", "99", *NOTE), "There is no visitor '99'"),
        (("consent", "grant", "acme", "@", *NOTE), "There is no visitor '@'"),
        (("consent", "grant", "other", "ana", *NOTE), "There is no service other"),
        (("consent", "grant", "acme", "ana", "--note", " "), "The note is empty; give the evidence"),
        (("consent", "grant", "acme", "ana"), "--note"),
        (("consent", "withdraw", "acme", "dee", *NOTE), "There is no visitor 'dee'"),
        (("consent", "list", "other"), "There is no service other"),
        (("denylist", "add", "cy", *NOTE), "name one by the X user id: 3 and 4."),
        (("denylist", "add", "ana", "--note", ""), "The note is empty"),
        (("denylist", "remove", "ana", "--service", "other"), "There is no service other"),
    ],
)
def test_ambiguous_input_is_refused_in_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    assert sentence in refused(*words)
    assert done("consent", "list", "acme", "--all") == done("denylist", "list") == []


def test_a_withdrawal_is_an_opt_out_by_an_operators_word(acme: Service) -> None:
    done("consent", "grant", "acme", "ana", *NOTE)
    waiting = waiting_for(acme, "1")
    withdrawn = done("consent", "withdraw", "acme", "ana", "--note", "an e-mail")
    assert (withdrawn["consent"], withdrawn["cancelled_messages"]) == ("withdrawn", 1)
    assert state_of(waiting) is MessageState.CANCELLED
    assert listed() == []
    (ended,) = done("consent", "list", "acme", "--all")
    assert (ended["ended_because"], ended["suppressed"]) == ("an e-mail", True)
    (suppressed,) = done("denylist", "list")
    assert (suppressed["external_id"], suppressed["service"], suppressed["reason"]) == ("1", "acme", "opt_out")


@pytest.mark.usefixtures("acme")
def test_an_opt_out_allows_no_grant_until_it_is_lifted() -> None:
    done("consent", "withdraw", "acme", "ana", *NOTE)
    assert "is on the denylist of acme" in refused("consent", "grant", "acme", "ana", *NOTE, status=1)
    assert "not on the denylist of all services" in refused("denylist", "remove", "ana", status=1)
    assert done("denylist", "remove", "ana", "--service", "acme")["denylist"] == "removed"
    assert done("consent", "grant", "acme", "ana", *NOTE)["consent"] == "given"


def test_the_denylist_holds_for_all_services_until_it_is_lifted(acme: Service) -> None:
    waiting = [waiting_for(service, "2") for service in (acme, saved_service(internal_name="other", block_id="b"))]
    added = done("denylist", "add", "@bo", *NOTE)
    assert (added["service"], added["denylist"], added["cancelled_messages"]) == ("all", "added", 2)
    assert {state_of(row) for row in waiting} == {MessageState.CANCELLED}
    (row,) = done("denylist", "list")
    assert (row["service"], row["username"], row["reason"], row["proof"]) == (None, "bo", "denylist", "card 12")
    done("denylist", "remove", "bo")
    assert done("denylist", "list") == []
    assert refused("denylist", "remove", "bo", status=1) == (
        "bo is not on the denylist of all services; see campaign denylist list."
    )


def test_lists_are_readable_tables(acme: Service) -> None:
    waiting_for(acme, "1")
    granted = here("consent", "grant", "acme", "bo", *NOTE)
    withdrawn = here("consent", "withdraw", "acme", "ana", *NOTE)
    assert granted.out.split() == ["External", "ID", "Username", "Service", "Consent", "2", "bo", "acme", "given"]
    assert withdrawn.out.splitlines()[0].split()[-2:] == ["Cancelled", "messages"]
    assert withdrawn.out.split()[-1] == "1"
    assert here("consent", "withdraw", "acme", "ana", *NOTE).out.split()[-1] == "0"
    shown = here("consent", "list", "acme")
    assert shown.sentence == "1 consent."
    assert "card 12" in shown.out
    assert here("denylist", "list").sentence == "1 suppression."
    assert here("consent", "list", "acme", "--limit", "1").sentence == "1 consent."


def test_a_long_list_is_cut_for_a_person_and_whole_for_a_script(acme: Service) -> None:
    read_all(acme, [page(range(100, 160))])
    people = [consent.GivenConsent(row.id, ConsentSource.IMPORT, "a list", NOW) for row in everybody().values()]
    with transaction() as session:
        consent.agree_all(session, acme.id, people)
    assert here("consent", "list", "acme").sentence == "65 consents, the first 50 shown."
    assert len(listed()) == 65
    assert len(listed("--limit", "3")) == 3


def write(folder: Path, text: str | bytes) -> str:
    file = folder / "people.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


@pytest.mark.usefixtures("acme")
def test_a_list_is_imported_and_people_left_out_are_listed(tmp_path: Path) -> None:
    done("denylist", "add", "bo", *NOTE)
    file = write(
        tmp_path, "username,external_id,Given_At,note\nana,,2026-01-02,x\n@BO,,,\n\ncy,,,\n,99,,\n,3,,\n,3,,\n"
    )
    assert done("consent", "import", "acme", file, *NOTE) == {
        "service": "acme",
        "rows": 6,
        "given": 2,
        "unchanged": 1,
        "suppressed": ["@bo"],
        "unknown": ["99"],
        "ambiguous": ["@cy"],
    }
    assert sorted(listed()) == [("1", "import"), ("3", "import")]
    by_id = {row["external_id"]: row for row in done("consent", "list", "acme")}
    assert by_id["1"]["given_at"] == datetime(2026, 1, 2, tzinfo=UTC).isoformat()
    assert by_id["1"]["proof"] == "card 12"
    again = here("consent", "import", "acme", file, *NOTE)
    assert again.out.split()[-7:] == ["acme", "6", "0", "3", "1", "1", "1"]
    assert again.err.splitlines() == ["Suppressed: @bo.", "Unknown: 99.", "Ambiguous: @cy."]


@pytest.mark.usefixtures("acme")
def test_a_file_of_visitors_can_be_imported(tmp_path: Path) -> None:
    file = write(tmp_path, "\ufeff" + here("visitors", "--service", "acme", "--csv").out)
    assert done("consent", "import", "acme", file, *NOTE)["given"] == 5


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has neither a column external_id nor a column username"),
        ("username|given_at\nana|\n", "has neither a column external_id nor a column username"),
        ("external_id\n1\nx\n\n2\n", "line 3: invalid X user id 'x'; write 1 to 20 digits."),
        ("external_id\n1\nx\n\n2\ny\n", "; line 6: invalid X user id 'y'; write 1 to 20 digits."),
        ("external_id,source\n1,import\n2,rumour\n", "line 3: invalid source 'rumour'"),
        ("external_id\n" + "x\n" * 15, "; and 5 more lines."),
        (b"username\n\xff\n", "is not written in UTF-8"),
        ('username\n"ana\n', "line 2: a double quote is never closed"),
    ],
)
def test_a_list_that_cannot_be_read_changes_nothing(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    assert sentence in refused("consent", "import", "acme", write(tmp_path, text), *NOTE)
    assert listed("--all") == []


@pytest.mark.usefixtures("acme")
def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "(No such file or directory)" in refused("consent", "import", "acme", str(tmp_path / "no.csv"), *NOTE)
    assert "(Is a directory)" in refused("consent", "import", "acme", str(tmp_path), *NOTE)


def test_an_old_list_gives_nothing_that_was_taken_back(acme: Service, tmp_path: Path) -> None:
    file = write(tmp_path, f"username,given_at\nana,{NOW - timedelta(days=400):%Y-%m-%d}\n")
    assert done("consent", "import", "acme", file, *NOTE)["given"] == 1
    done("consent", "withdraw", "acme", "ana", *NOTE)
    assert done("consent", "import", "acme", file, *NOTE)["suppressed"] == ["@ana"]
    done("denylist", "remove", "ana", "--service", acme.internal_name)
    assert done("consent", "import", "acme", file, *NOTE)["unchanged"] == 1
    assert listed() == []


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("address", "named"), [("https://x.com/not_met", ("", "not_met")), ("x.com/i/user/99", ("99", None))]
)
def test_an_unknown_profile_address_is_denied_and_allowed_again(address: str, named: tuple[str, str | None]) -> None:
    added = done("denylist", "add", address, *NOTE)
    assert (added["external_id"], added["username"]) == named
    assert done("denylist", "remove", address)["denylist"] == "removed"
    assert done("denylist", "list") == []


def unclear_from(service: Service, person: str) -> None:
    with transaction() as session:
        assert consent.record_unclear(session, service.id, everybody()[person].id, "77", NOW)


def test_unclear_messages_are_listed_and_decided(acme: Service) -> None:
    waiting = waiting_for(acme, "2")
    for person in ("1", "2"):
        unclear_from(acme, person)
    (first, second) = done("consent", "unclear", "acme")
    assert (first["external_id"], second["username"], first["message"]) == ("1", "bo", "77")
    assert done("consent", "decide", "acme", "ana", "wrote-first")["decision"] == "wrote-first"
    assert done("consent", "decide", "acme", "bo", "opt-out")["cancelled_messages"] == 1
    assert listed() == [("1", "wrote_first")]
    assert state_of(waiting) is MessageState.CANCELLED
    assert done("consent", "unclear") == []
    assert "unclear" in refused("consent", "decide", "acme", "ana", "opt-out", status=1)


def test_unclear_messages_of_another_service_stay(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    unclear_from(acme, "1")
    assert done("consent", "unclear", "other") == []
    assert "1 unclear message." in here("consent", "unclear").err
    refused("consent", "decide", other.internal_name, "ana", "opt-out", status=1)


def on_the_denylist() -> set[tuple[str, str | None]]:
    return {(row["external_id"], row["username"]) for row in done("denylist", "list")}


def exclusion_of(service: Service, person: str) -> str | None:
    with read_session() as session:
        reason = permission.first_of(permission.always(service))
        found = session.execute(select(reason).where(col(Visitor.external_id) == person)).scalar_one()
        return None if found is None else str(found)


def test_a_handle_that_no_visitor_has_is_suppressed_when_a_sync_brings_it(acme: Service) -> None:
    added = done("denylist", "add", "@New_Person", *NOTE)
    assert (added["external_id"], added["username"], added["cancelled_messages"]) == ("", "new_person", 0)
    done("denylist", "add", "@new_person", *NOTE)
    assert on_the_denylist() == {("", "new_person")}
    read_all(acme, [page([1, follower(20, username="NEW_PERSON"), follower(21, username="other")])])
    assert on_the_denylist() == {("20", "NEW_PERSON")}
    assert (exclusion_of(acme, "20"), exclusion_of(acme, "21")) == ("suppressed", None)
    # The person is suppressed, not the handle: neither a rename nor its next owner changes that.
    read_all(acme, [page([1, follower(20, username="renamed"), follower(21, username="new_person")])])
    assert (exclusion_of(acme, "20"), exclusion_of(acme, "21")) == ("suppressed", None)


def test_a_known_visitor_who_takes_a_suppressed_handle_is_suppressed(acme: Service) -> None:
    done("denylist", "add", "@new_person", *NOTE, "--service", "acme")
    read_all(acme, [page([1, follower(2, username="New_Person"), 3, 4, 5])])
    assert (exclusion_of(acme, "2"), exclusion_of(acme, "1")) == ("suppressed", None)


def test_an_x_user_id_of_no_visitor_is_suppressed_before_the_person_appears(acme: Service) -> None:
    assert done("denylist", "add", "900", *NOTE)["external_id"] == "900"
    read_all(acme, [page([1, 900])])
    assert exclusion_of(acme, "900") == "suppressed"
    done("denylist", "remove", "900")
    assert exclusion_of(acme, "900") is None


def test_an_erased_person_is_not_saved_by_the_denylist(acme: Service) -> None:
    with transaction() as session:
        visitors.record(session, ["900"], NOW)
    assert "erased" in refused("denylist", "add", "900", *NOTE, status=1)
    assert "900" not in everybody()
    assert acme.id


def test_a_handle_that_no_visitor_has_is_taken_off_the_denylist(acme: Service) -> None:
    done("denylist", "add", "@new_person", *NOTE)
    assert done("denylist", "remove", "new_person")["denylist"] == "removed"
    assert "not on the denylist" in refused("denylist", "remove", "new_person", status=1)
    read_all(acme, [page([1, follower(20, username="new_person")])])
    assert exclusion_of(acme, "20") is None


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("text", ["two words", "nu\x00l", "@" + "a" * 51, "1" * 21])
def test_the_denylist_takes_only_a_handle_or_an_x_user_id(text: str) -> None:
    assert "invalid" in refused("denylist", "add", text, *NOTE)
    assert on_the_denylist() == set()


def test_a_list_is_imported_to_the_denylist(acme: Service, tmp_path: Path) -> None:
    waiting = waiting_for(acme, "1")
    file = tmp_path / "people.csv"
    file.write_text("external_id,username,proof\n1,,call of 1 May\n900,,\n,@new_person,\n,cy,\n")
    imported = done("denylist", "import", str(file), *NOTE)
    counts = {name: imported[name] for name in ("rows", "suppressed", "handles", "cancelled_messages")}
    assert counts == {"rows": 4, "suppressed": 4, "handles": 1, "cancelled_messages": 1}
    assert on_the_denylist() == {("1", "Ana"), ("900", None), ("", "new_person"), ("3", "cy"), ("4", "Cy")}
    assert {row["proof"] for row in done("denylist", "list")} == {"call of 1 May", "card 12"}
    assert state_of(waiting) is MessageState.CANCELLED
    file.write_text("external_id\nx\n")
    assert "line 2: invalid X user id 'x'" in refused("denylist", "import", str(file), *NOTE)
