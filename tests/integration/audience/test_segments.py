"""Segments, on both databases and by command."""

import pytest
from sqlmodel import Session, col, select

from campaign.audience import follower_pages
from campaign.audience.conditions import WrongCondition
from campaign.db.engine import read_session, transaction
from campaign.errors import NotPossible, WrongUsage
from models import AuditEntry, Segment
from tests.command import here
from tests.factories import NOW, follower, page
from tests.readings import read_all, saved_service

pytestmark = pytest.mark.usefixtures("database")


def save(name: str, condition: str = "verified", *, may_replace: bool = True) -> Segment:
    with transaction() as session:
        return follower_pages.save_segment(session, name, condition, "ann", NOW, may_replace=may_replace)


def conditions(session: Session) -> dict[str, str]:
    return {one.name: one.condition for one in follower_pages.list_segments(session)}


def test_a_segment_is_found_whatever_its_case_and_replaced() -> None:
    save("  Big in   Gent ")
    save("älter")
    save("BIG IN GENT", " followers_count > 5 ")
    with pytest.raises(NotPossible, match="Big in Gent exists"):
        save("big in gent", may_replace=False)
    with read_session() as session:
        assert conditions(session) == {"Big in Gent": "followers_count > 5", "älter": "verified"}
        assert follower_pages.find_segment(session, "big IN gent").saved_by == "ann"
        with pytest.raises(WrongUsage, match="no segment 'none'"):
            follower_pages.find_segment(session, "none")


def test_a_segment_is_renamed_and_deleted_which_the_audit_shows() -> None:
    save("one")
    save("two")
    with transaction() as session:
        follower_pages.rename_segment(session, "one", "One", "ann", NOW)
        with pytest.raises(NotPossible, match="two exists"):
            follower_pages.rename_segment(session, "one", "TWO", "ann", NOW)
        follower_pages.delete_segment(session, "two", "bea", NOW)
    with read_session() as session:
        assert conditions(session) == {"One": "verified"}
        entries = session.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()
    assert [(one.actor, one.subject, one.action) for one in entries[2:]] == [
        ("ann", "segment One", "renamed"),
        ("bea", "segment two", "deleted"),
    ]


@pytest.mark.parametrize("name", ["", " ", "\u200b", "x" * 81, "a\x1b[2Jb", "--"])
def test_a_segment_needs_a_name_that_can_be_read(name: str) -> None:
    with pytest.raises(WrongUsage, match="cannot be the name"):
        save(name)


def test_a_wrong_condition_is_not_saved() -> None:
    with pytest.raises(WrongCondition, match="character 1"):
        save("one", "follwers_count > 3")


def test_segments_by_command() -> None:
    assert here("segment", "list").sentence.startswith("There is no segment yet")
    assert here("segment", "save", "big", "followers_count > 50").status == 0
    assert here("segment", "rename", "big", "Bigger").status == 0
    assert [one["name"] for one in here("segment", "list", "--json").document] == ["Bigger"]
    read_all(saved_service(), [page([follower(1, followers_count=60), follower(2, followers_count=60, verified=True)])])
    assert here("visitors", "--segment", "bigger", "--count").out == "2\n"
    assert here("visitors", "--segment", "bigger", "--where", "verified", "--count").out == "1\n"
    assert here("segment", "save", "big", "follwers > 1").status == 2
    assert here("segment", "delete", "BIGGER").sentence == "The segment BIGGER was deleted."
    assert here("visitors", "--segment", "bigger").status == 2
