"""The pages of people: followers, segments, one person, consents, the suppression list, contacts; and their audit."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import select

from campaign.audience.follower_pages import Count, find_segment
from campaign.consent import store as consents
from campaign.contacts.store import SECTIONS
from campaign.db.engine import read_session, transaction
from campaign.web.desk.people import _HELD
from models import AuditEntry, Consent, ConsentSource, Contact, Role, Service, Subscription, Suppression, Visitor
from tests.crowds import add, people, unfollow
from tests.databases import Database
from tests.desk_site import Desk, open_desk
from tests.factories import NOW
from tests.readings import saved_service


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        yield opened


@pytest.fixture
def acme(desk: Desk) -> Service:  # noqa: ARG001
    return saved_service()


def audited() -> list[tuple[str, str, str]]:
    with read_session() as session:
        entries = session.exec(select(AuditEntry).order_by("id")).all()
    mine = [one for one in entries if one.actor == "boss" and one.subject != "user boss"]
    return [(one.actor, one.subject, one.action) for one in mine]


def person(acme: Service, **changes: object) -> int:
    [visitor_id] = people(1, acme, **changes)
    return visitor_id


def test_followers_are_searched_filtered_and_sorted(desk: Desk, acme: Service) -> None:
    ann = desk.person("ann", Role.VIEWER)
    assert "No follower is known yet" in ann.get("/desk/people").text
    person(acme, username="Jane_D", full_name="Jäne <b>Doe</b>", folded_name="jäne <b>doe</b>", followers_count=70)
    person(acme, username="zed", followers_count=9, verified=True)
    gone = person(acme, username="gone")
    unfollow(acme, gone)
    page = ann.get("/desk/people").text
    assert "Jäne &lt;b&gt;Doe" in page
    assert "@gone" not in page
    assert page.index("@zed") < page.index("@Jane_D")
    by_followers = ann.get("/desk/people?order=followers").text
    assert by_followers.index("@Jane_D") < by_followers.index("@zed")
    for search in ("jane_", "JÄNE", "@jan", "1001"):
        found = ann.get("/desk/people").text and ann.client.get("/desk/people", params={"search": search}).text
        assert "@Jane_D" in found, search
        assert "@zed" not in found, search
    assert "@gone" in ann.get("/desk/people?ended=yes").text
    assert "@zed" in ann.get("/desk/people?where=verified").text
    assert "1 person" in ann.get("/desk/people/count?service=acme&where=verified").text
    assert "No people are found" in ann.get("/desk/people?search=xyz").text


def test_a_long_count_begins_with_an_estimate_of_all(desk: Desk, acme: Service) -> None:
    ann, (first, second) = desk.person("ann", Role.VIEWER), people(2, acme, verified=True)
    with transaction() as session:
        # So far from the first one that no request looks at all numbers between.
        session.get_one(Visitor, second).id = 10**12
        row = session.exec(select(Subscription).where(Subscription.visitor_id == second)).one()
        row.visitor_id = 10**12
    page = ann.get("/desk/people/count?service=acme&where=verified").text
    assert "About" in page
    assert "1 counted so far" in page
    rest = ann.get(f"/desk/people/count?service=acme&where=verified&before={first + 1}&so_far=1").text
    assert "<strong>2 people</strong>" in rest


@pytest.mark.parametrize(
    ("counted", "share", "about"),
    [(0, 0.5, 0), (1, 0.5, 2), (41_234, 0.5, 82_000), (7, 0.01, 700), (99, 0.99, 100)],
)
def test_an_estimate_has_two_digits_and_is_no_less_than_the_count(counted: int, share: float, about: int) -> None:
    assert Count(counted, next=9, share=share).about == about
    assert Count(counted).about == counted


def test_a_wrong_condition_is_shown_at_its_place(desk: Desk, acme: Service) -> None:
    person(acme)
    ann = desk.person("ann", Role.VIEWER)
    answer = ann.client.get("/desk/people", params={"where": "verified and follwers_count > 3"})
    assert answer.status_code == 400
    assert "at character 14" in answer.text
    assert "verified and <mark>follwers_count</mark> &gt; 3" in answer.text
    assert 'value="verified and follwers_count &gt; 3"' in answer.text


def test_pages_follow_one_another_without_a_gap(desk: Desk, acme: Service) -> None:
    people(120, acme, username="p_{number}", followers_count=5)
    with transaction() as session:
        for row in session.exec(select(Visitor)):
            row.username = f"p_{row.id}"
    ann = desk.person("ann", Role.VIEWER)
    for order in ("newest", "followers"):
        seen, path = list[str](), f"/desk/people?order={order}"
        while path:
            page = ann.get(path).text
            seen += [part.split("<")[0] for part in page.split('<span class="quiet small">@')[1:]]
            more = page.split('<a class="button second" href="')[1:]
            path = more[0].split('"')[0].replace("&amp;", "&") if more else ""
        assert len(seen) == len(set(seen)) == 120


def test_a_person_sees_the_people_of_the_own_accounts_only(desk: Desk, acme: Service) -> None:
    beta = saved_service(internal_name="beta", block_id="b")
    mine, other = person(acme, username="mine"), person(beta, username="other")
    ann = desk.person("ann", {acme.id: Role.OPERATOR})
    assert "@other" not in ann.get("/desk/people?service=all&search=o").text
    assert ann.get("/desk/people?service=beta").status_code == 400
    assert ann.get(f"/desk/people/{mine}").status_code == 200
    assert ann.get(f"/desk/people/{other}").status_code == 404
    page = ann.get(f"/desk/people/{mine}")
    assert ann.send(page, action="/consent", service="beta", note="x", do="grant").status_code == 400
    assert ann.send(page, action="/denylist", service="all", note="x", do="add").status_code == 403
    assert ann.get("/desk/people.csv?service=beta").status_code == 400
    assert ann.get(f"/desk/people/{mine}/data.json").status_code == 403


def test_a_segment_is_saved_renamed_and_deleted(desk: Desk, acme: Service) -> None:
    person(acme, username="big", followers_count=5_000)
    person(acme, username="small", followers_count=5)
    boss = desk.person("boss", Role.WRITER)
    page = boss.get("/desk/people/segments?where=followers_count>1000")
    assert boss.send(page, name="Big", where="followers_count >").status_code == 400
    assert boss.send(page, name="Big", where="followers_count > 1000").status_code == 303
    listed = boss.get("/desk/people?segment=Big").text
    assert "@big" in listed
    assert "@small" not in listed
    page = boss.get("/desk/people/segments")
    assert boss.send(page, action="/segments/", name="Huge", where="followers_count > 4000").status_code == 303
    with read_session() as session:
        assert find_segment(session, "huge").condition == "followers_count > 4000"
    boss.send(page, action="/segments/", do="delete")
    assert "No segment is saved yet" in boss.get("/desk/people/segments").text
    assert [action for _, _, action in audited()] == ["saved", "renamed", "saved", "deleted"]


def test_a_consent_is_granted_and_withdrawn_with_a_note(desk: Desk, acme: Service) -> None:
    one, boss = person(acme), desk.person("boss", Role.OPERATOR)
    page = boss.get(f"/desk/people/{one}")
    assert "evidence" in boss.send(page, action="/consent", service="acme", note=" ", do="grant").text
    assert boss.send(page, action="/consent", service="acme", note="a card", do="grant").status_code == 303
    assert "a card" in boss.get(f"/desk/people/{one}").text
    boss.send(page, action="/consent", service="acme", note="by phone", do="withdraw")
    page = boss.get(f"/desk/people/{one}")
    assert "gets no messages" in page.text
    assert "denylist of acme" in boss.send(page, action="/consent", service="acme", note="x", do="grant").text
    boss.send(page, action="/denylist", service="acme", do="remove")
    with read_session() as session:
        assert session.exec(select(Suppression)).all() == []
        assert session.exec(select(Consent)).one().ended_because == "by phone"
    subject = f"person {one}"
    assert audited() == [
        ("boss", subject, "consent granted"),
        ("boss", subject, "consent withdrawn"),
        ("boss", subject, "removed from denylist"),
    ]


def test_a_person_is_exported_and_erased_after_the_handle_is_typed(desk: Desk, acme: Service) -> None:
    one, boss = person(acme, username="Jane"), desk.person("boss", Role.OPERATOR)
    exported = boss.get(f"/desk/people/{one}/data.json")
    assert exported.json()["visitor"][0]["username"] == "Jane"
    page = boss.get(f"/desk/people/{one}")
    assert "For good: profile on X (1), followings (1)." in page.text
    assert "nothing was erased" in boss.send(page, action="/erase", sure="yes", handle="john").text
    assert "nothing was erased" in boss.send(page, action="/erase", handle="Jane").text
    assert boss.send(page, action="/erase", sure="yes", handle="@jane").status_code == 303
    assert boss.get(f"/desk/people/{one}").status_code == 404
    assert audited() == [("boss", f"person {one}", "exported"), ("boss", "an erased person", "erased")]


def test_an_unclear_answer_is_decided(desk: Desk, acme: Service) -> None:
    one, two = people(2, acme)
    with transaction() as session:
        consents.record_unclear(session, acme.id, one, "77", NOW)
        consents.record_unclear(session, acme.id, two, "78", NOW)
    boss = desk.person("boss", Role.OPERATOR)
    page = boss.get("/desk/people/consents")
    answer = boss.send(page, action=f"/people/{one}/consent", do="opt-out")
    assert answer.headers["location"] == "/desk/people/consents"
    assert "may be an opt-out" in boss.get(f"/desk/people/{two}").text
    boss.send(page, action=f"/people/{two}/consent", do="wrote-first")
    assert "Unclear answers" not in boss.get("/desk/people/consents").text
    with read_session() as session:
        assert session.exec(select(Suppression.visitor_id)).all() == [one]
        assert session.exec(select(Consent.source)).all() == [ConsentSource.WROTE_FIRST]


def test_consents_are_imported_strictly_and_sent_as_a_file(desk: Desk, acme: Service) -> None:
    people(2, acme)
    boss = desk.person("boss", Role.OPERATOR)
    page = boss.get("/desk/people/consents")
    wrong = {"file": ("my list.csv", b"external_id,given_at\n1001,2026-11-01\nx,2026-11-01\n")}
    answer = boss.send(page, action="/import", files=wrong, note="fair")
    assert answer.status_code == 400
    assert "Nothing was imported from my list.csv: line 3" in answer.text
    right = {"file": ("a.csv", b"external_id,given_at\n1001,2026-11-01\n99,2026-11-01\n")}
    answer = boss.send(page, action="/import", files=right, note="fair")
    assert "Rows: 2. New consents: 1. Known before: " in answer.text
    assert 'Unknown, left out: <span dir="auto">99' in answer.text
    assert "fair" in boss.get("/desk/people/consents").text
    assert "fair" in boss.get("/desk/people/consents.csv?service=acme").text
    assert [action for _, _, action in audited()] == ["consents imported", "consents exported"]


def test_the_suppression_list_is_kept_at_the_desk(desk: Desk, acme: Service) -> None:
    person(acme, username="Jane")
    boss = desk.person("boss", Role.OPERATOR)
    page = boss.get("/desk/people/denylist")
    assert boss.send(page, action="/denylist", person="jane", note="press", do="add").status_code == 303
    assert boss.send(page, action="/denylist", person="@nobody_yet", note="press", do="add").status_code == 303
    assert "is not the address" in boss.send(page, action="/denylist", person="x.com/i/x", note="p", do="add").text
    boss.send(page, action="/denylist/import", files={"file": ("a.csv", b"username\nbea\n")}, note="list")
    page = boss.get("/desk/people/denylist")
    assert ["press" in page.text, "@nobody_yet" in page.text, "@bea" in page.text] == [True] * 3
    assert "bea" in boss.get("/desk/people/denylist.csv").text
    assert boss.post("/desk/people/denylist", token=token_of(page), person="bea", do="remove").status_code == 303
    assert "@bea" not in boss.get("/desk/people/denylist").text
    viewer = desk.person("viewer", Role.VIEWER)
    assert "Remove" not in viewer.get("/desk/people/denylist").text
    of_acme = desk.person("ann", {acme.id: Role.VIEWER})
    assert "@nobody_yet" not in of_acme.get("/desk/people/denylist").text
    assert of_acme.get("/desk/people/denylist?service=all").status_code == 403


def token_of(page: object) -> str:
    return str(page.text).split('name="token" value="')[1].split('"')[0]  # type: ignore[attr-defined]


def test_contacts_are_found_and_imported(desk: Desk, acme: Service) -> None:
    add(Contact(email="ana@example.com", full_name="Ana", created_at=NOW, updated_at=NOW + timedelta(days=1)))
    boss = desk.person("boss", Role.OPERATOR)
    page = boss.get("/desk/people/contacts")
    assert "ana@example.com" in page.text
    boss.send(page, action="/contacts", files={"file": ("c.csv", b"email,full_name\nbob@example.com,Bob\n")})
    assert "bob@example.com" in boss.get("/desk/people/contacts?search=BOB").text
    assert "ana@example.com" not in boss.get("/desk/people/contacts?search=BOB").text
    with read_session() as session:
        number = session.exec(select(Contact.id).where(Contact.email == "ana@example.com")).one()
    page = boss.get(f"/desk/people/contacts/{number}")
    assert "ana@example.com" in page.text
    answer = boss.send(page, action="/erase", sure="yes", handle="ana@example.com")
    assert answer.status_code == 303, answer.text
    assert boss.get(f"/desk/people/contacts/{number}").status_code == 404
    ann = desk.person("ann", {acme.id: Role.VIEWER})
    assert "bob@example.com" not in ann.get("/desk/people/contacts").text
    assert [action for _, _, action in audited()] == ["imported", "erased"]


def test_followers_are_sent_as_a_file(desk: Desk, acme: Service) -> None:
    people(3, acme)
    boss = desk.person("boss", Role.OPERATOR)
    lines = boss.get("/desk/people.csv?service=acme").text.splitlines()
    assert len(lines) == 4
    assert audited() == [("boss", "service acme", "followers exported")]


def test_each_section_that_is_held_of_a_person_has_words() -> None:
    assert set(_HELD) == set(SECTIONS)
