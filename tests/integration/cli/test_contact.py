"""`campaign contact` on both databases: lists, what is held of one person, and forgetting it."""

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from campaign.db.engine import read_session
from models import Agreement, Consent, Contact, MessageState, Service
from tests.command import here
from tests.crowds import add
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.planned import broadcast, message_to, state_of
from tests.readings import everybody, read_all, saved_service

LIST = """external_id,username,email,full_name,consent_service,consent_source,consented_at
1,,Ana@Example.com,Ana A,acme,card 12,2026-11-01
,@BO,,,acme,card 13,2026-11-02T09:00
,,eve@example.com,Eve,,,
8,,,"Hal, of Ghent",acme,card 14,2026-11-03
"""


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    """Followed by ana (1), bo (2), and two who were called cy when they were met (3, 4)."""
    acme = saved_service()
    names = {1: "Ana", 2: "bo", 3: "cy", 4: "Cy"}
    read_all(acme, [page([follower(number, username=name) for number, name in names.items()])])
    return acme


def done(*words: str) -> Any:
    """Run a command that succeeds; the document that it printed."""
    ended = here("contact", *words)
    assert (ended.status, ended.err) == (0, "")
    return ended.document


def refused(*words: str) -> str:
    """Run a command that is refused; its one sentence."""
    ended = here("contact", *words)
    assert (ended.status, ended.out) == (2, "")
    return ended.sentence


def imported(tmp_path: Path, text: str) -> Any:
    return done("import", file_of(tmp_path, text), "--json")


def file_of(tmp_path: Path, text: str) -> str:
    file = tmp_path / "contacts.csv"
    file.write_text(text)
    return str(file)


def contacts() -> dict[str | None, Contact]:
    with read_session() as session:
        return {contact.email or contact.external_id: contact for contact in session.exec(select(Contact))}


def consents() -> dict[int, str]:
    with read_session() as session:
        return {consent.visitor_id: consent.proof for consent in session.exec(select(Consent))}


@pytest.mark.usefixtures("acme")
def test_a_list_makes_contacts_with_their_consents(tmp_path: Path) -> None:
    result = imported(tmp_path, LIST)
    assert {name: result[name] for name in ("rows", "made", "changed", "consents")} == {
        "rows": 4,
        "made": 4,
        "changed": 0,
        "consents": 3,
    }
    found, visitors = contacts(), everybody()
    assert (found["ana@example.com"].full_name, found["ana@example.com"].visitor_id) == ("Ana A", visitors["1"].id)
    assert (found["2"].username, found["2"].visitor_id) == ("bo", visitors["2"].id)
    assert found["eve@example.com"].external_id is None
    assert found["8"].full_name == "Hal, of Ghent"
    assert consents() == {visitors["1"].id: "card 12", visitors["2"].id: "card 13", visitors["8"].id: "card 14"}


@pytest.mark.usefixtures("acme")
def test_the_same_list_again_changes_no_other_contact(tmp_path: Path) -> None:
    imported(tmp_path, LIST)
    result = imported(tmp_path, LIST.replace("Ana A", "Ana B"))
    assert (result["made"], result["changed"], result["consents"]) == (0, 4, 0)
    assert contacts()["ana@example.com"].full_name == "Ana B"
    assert len(contacts()) == 4


@pytest.mark.usefixtures("acme")
def test_every_wrong_line_is_named_and_nothing_written(tmp_path: Path) -> None:
    text = "email,username,consent_service,consent_source,consented_at\na@example.com,,,,\n,cy,,,\n,,,,\n"
    text += "x@example.com,,acme,card,2026-11-01\n,bo,nobody,card,2026-11-01\n"
    sentence = refused("import", file_of(tmp_path, text))
    for problem in (
        "line 3: @cy is the handle of several",
        "line 5: the X user id is unknown",
        "line 6: there is no service",
    ):
        assert problem in sentence
    assert not contacts()
    sentence = refused("import", file_of(tmp_path, "email\nana\na@example.com\nbo\n"))
    assert "line 2: invalid email address 'ana'; write it as in ana@example.com" in sentence
    assert "line 4: invalid email address 'bo'" in sentence
    assert not contacts()


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("text", ["full_name\nAna\n", ""])
def test_a_list_without_a_column_that_names_people_is_refused(tmp_path: Path, text: str) -> None:
    assert "a column external_id nor a column username nor a column email" in refused("import", file_of(tmp_path, text))


def test_contacts_are_listed_with_the_services_they_agreed_with(acme: Service, tmp_path: Path) -> None:
    imported(tmp_path, LIST)
    add(agreement(acme, "1"))
    rows = {row["email"] or row["external_id"]: row["services"] for row in done("list", "--json")}
    assert rows == {"ana@example.com": ["acme"], "2": [], "eve@example.com": [], "8": []}
    assert [row["external_id"] for row in done("list", "--service", "acme", "--json")] == ["1"]
    shown = here("contact", "list", "--limit", "2")
    assert shown.status == 0
    assert "4 contacts, the first 2 shown." in shown.err


def agreement(service: Service, external_id: str) -> Agreement:
    return Agreement(
        service_id=service.id, external_id=external_id, text="All", text_version="1", scopes="", agreed_at=NOW
    )


def test_one_person_is_shown_and_exported(acme: Service, tmp_path: Path) -> None:
    imported(tmp_path, LIST)
    add(agreement(acme, "1"))
    shown = done("show", "--username", "ana", "--json")
    assert shown["profile"]["email"] == "ana@example.com"
    assert [one["state"] for one in shown["agreements"]] == ["agreed"]
    assert [one["proof"] for one in shown["consents"]] == ["card 12"]
    for_people = here("contact", "show", "--email", "ANA@example.com")
    assert (for_people.status, "Ana A" in for_people.out, "Follows @acme" in for_people.err) == (0, True, True)
    exported = done("export", "--external-id", "1")
    assert exported["contact"][0]["full_name"] == "Ana A"
    assert exported["agreements"][0]["text"] == "All"


def test_erasing_asks_first_and_is_for_good(acme: Service, tmp_path: Path) -> None:
    imported(tmp_path, LIST)
    waiting = message_to(broadcast(acme), acme, everybody()["1"].id)

    asked = here("contact", "erase", "--email", "ana@example.com")  # no answer
    assert asked.status == 1
    assert "visitor (1), subscriptions (1), contact (1), consents (1), messages (1)" in asked.err
    assert "1" in everybody()

    erased = done("erase", "--email", "ana@example.com", "--yes", "--json")
    assert erased["erased"]["messages"] == 1
    assert state_of(waiting) is MessageState.CANCELLED
    again = imported(tmp_path, LIST)
    assert (again["made"], again["changed"], again["erased"]) == (0, 3, ["1"])
    assert "ana@example.com" not in contacts()
    assert "1" not in everybody()
    assert "No data is kept" in refused("show", "--external-id", "1")


@pytest.mark.usefixtures("acme")
def test_a_list_does_not_add_erased_people_again(tmp_path: Path) -> None:
    imported(tmp_path, LIST)
    done("erase", "--external-id", "1", "--yes", "--json")
    result = imported(tmp_path, "username,email\nana,\n,ana@example.com\ndora,\n")
    assert (result["made"], sorted(result["erased"])) == (1, ["@ana", "ana@example.com"])


def test_a_consent_of_a_suppressed_person_is_not_saved(acme: Service, tmp_path: Path) -> None:
    assert here("denylist", "add", "ana", "--note", "asked by phone").status == 0
    result = imported(tmp_path, LIST)
    assert (result["consents"], result["suppressed"]) == (2, ["1"])
    assert everybody()["1"].id not in consents()
    assert acme.id


def test_the_present_owner_of_an_erased_persons_handle_is_imported(acme: Service, tmp_path: Path) -> None:
    done("erase", "--external-id", "1", "--yes", "--json")
    gone = imported(tmp_path, "username,full_name\n@ana,Ana\n")
    assert (gone["made"], gone["erased"]) == (0, ["@ana"])
    read_all(acme, [page([follower(2001, username="ANA"), 2, 3, 4])])
    given = "username,consent_service,consent_source,consented_at\n@ana,acme,card,2026-11-01\n"
    result = imported(tmp_path, given)
    assert (result["made"], result["consents"], result["erased"]) == (1, 1, [])
    assert consents() == {everybody()["2001"].id: "card"}


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    "text", ["@ANA", "https://x.com/ana", "twitter.com/@Ana/with_replies?s=20", "https://x.com/i/user/1", "\uff20ana"]
)
def test_a_person_is_named_by_handle_or_by_the_address_of_the_profile(text: str) -> None:
    assert done("show", "--username", text, "--json")["external_id"] == "1"
    assert done("export", "--username", text)["external_id"] == "1"
    assert done("erase", "--username", text, "--yes", "--json")["erased"]["visitor"] == 1


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("text", ["https://x.com/ana/status/1", "https://x.com/home", "https://x.com/an-a"])
def test_another_address_names_no_person(text: str) -> None:
    for command in ("show", "export", "erase"):
        assert refused(command, "--username", text)
    assert done("show", "--username", "ana", "--json")["external_id"] == "1"


@pytest.mark.usefixtures("acme")
def test_a_denied_handle_is_suppressed_when_a_list_brings_its_person(tmp_path: Path) -> None:
    assert here("denylist", "add", "@New_Person", "--note", "asked by letter").status == 0
    text = "external_id,username,consent_service,consent_source,consented_at\n900,new_person,acme,card,2026-11-01\n"
    result = imported(tmp_path, text)
    assert (result["made"], result["consents"], result["suppressed"]) == (1, 0, ["900"])
    (suppressed,) = here("denylist", "list", "--json").document
    assert (suppressed["external_id"], suppressed["proof"]) == ("900", "asked by letter")
