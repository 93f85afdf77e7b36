"""The migrations on both databases: there and back, and exactly the tables that the models describe."""

import pytest
from alembic import command
from sqlalchemy import inspect, text
from sqlmodel import SQLModel, select

from campaign.db import engine as schema
from campaign.db.engine import engine, read_session
from campaign.errors import WrongUsage
from models import Service, Visitor
from tests.databases import Database
from tests.factories import follower, page
from tests.readings import read_all, saved_service

pytestmark = pytest.mark.usefixtures("new_database")


def tables() -> set[str]:
    return set(inspect(engine()).get_table_names())


def revision() -> str | None:
    with engine().connect() as connection:
        return schema.current_revision(connection)


ALL_TABLES = set(SQLModel.metadata.tables) | {"alembic_version"}


def test_up_down_and_up_again() -> None:
    schema.upgrade()
    assert tables() == ALL_TABLES
    assert revision() == schema.newest_revision()
    schema.downgrade(engine())
    assert tables() == {"alembic_version"}
    assert revision() is None
    schema.upgrade()
    assert tables() == ALL_TABLES
    assert saved_service().internal_name == "acme"


def test_the_migrations_make_what_the_models_describe() -> None:
    schema.upgrade()
    with engine().begin() as connection:
        command.check(schema.configuration(connection))


def test_upgrading_twice_changes_nothing() -> None:
    schema.upgrade()
    saved_service()
    schema.upgrade()
    with engine().connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM service")) == 1


def test_a_failed_upgrade_leaves_the_database_as_it_was() -> None:
    with engine().execution_options(writes=True).begin() as connection:
        connection.execute(text("CREATE TABLE sync_page (in_the_way integer)"))
    with pytest.raises(Exception, match="sync_page"):
        schema.upgrade()
    assert tables() == {"sync_page"}


def test_sqlite_is_made_ready_by_itself_and_postgresql_by_its_operator(new_database: Database) -> None:
    if new_database.is_sqlite:
        schema.make_ready()
        assert tables() == ALL_TABLES
        return
    newest = schema.newest_revision()
    sentence = f"The database is at revision none and this version needs {newest}; run `campaign db upgrade`."
    with pytest.raises(WrongUsage) as caught:
        schema.make_ready()
    assert str(caught.value) == sentence
    assert tables() == set()
    schema.upgrade()
    schema.make_ready()


def test_a_database_of_a_newer_version_is_refused_and_left_alone() -> None:
    schema.upgrade()
    with engine().execution_options(writes=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WrongUsage, match="9999") as caught:
        schema.make_ready()
    assert "db upgrade" not in str(caught.value)
    assert revision() == "9999"


def test_existing_services_keep_counting_first_messages() -> None:
    schema.upgrade()
    read_all(saved_service(), [page([follower(1, full_name="U\u0308NÏ", location=None)])])
    schema.downgrade(engine(), "0006")
    schema.upgrade()
    with read_session() as session:
        assert [row.wrote_first_counts for row in session.exec(select(Service))] == [True]
        assert [(row.folded_name, row.folded_location) for row in session.exec(select(Visitor))] == [("ünï", None)]
    assert not saved_service(internal_name="new", block_id="block-new").wrote_first_counts
