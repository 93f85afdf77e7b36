"""What happens is announced once it is in the database, and only then."""

import pytest

from campaign.db import engine
from campaign.db.engine import Announcement, announce, listen, transaction
from tests.databases import Database


def test_a_change_is_announced_after_its_commit_and_none_after_a_rollback(sqlite_database: Database) -> None:
    assert sqlite_database
    heard: list[Announcement] = []
    engine.unheard.clear()
    with transaction() as session:
        announce(session, "service.cap_near", "service.acme", "Unheard.")
        assert not engine.unheard
    assert list(engine.unheard) == [Announcement("campaign.service.cap-near", "campaign.service.acme", "Unheard.")]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "_listeners", [])
        listen(heard.extend)
        with transaction() as session:
            announce(session, "service.ok", "service.acme", "Heard.")
        with pytest.raises(ZeroDivisionError):
            _announce_and_fail()
    assert [one.says for one in heard] == ["Heard."]


def _announce_and_fail() -> None:
    with transaction() as session:
        announce(session, "service.ok", "service.acme", "Not so.")
        _ = 1 / 0
