"""The schema: made and changed only by the Alembic migrations in `migrations/`."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from campaign.errors import WrongUsage
from campaign.settings import ROOT
from campaign.store.engine import check_reachable, engine


def configuration(connection: Connection | None = None) -> Config:
    """Build Alembic's configuration for the migrations of this repository."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str | None:
    """The revision that this code is written for."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def known_revisions() -> set[str]:
    """All revisions that this code knows."""
    return {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}


def current_revision(connection: Connection) -> str | None:
    """The revision the database is at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Engine | None = None, revision: str = "head") -> None:
    """Bring the database to a revision; does nothing where it is there already."""
    with (database or engine()).execution_options(writes=True).begin() as connection:
        command.upgrade(configuration(connection), revision)


def downgrade(database: Engine, revision: str = "base") -> None:
    """Take the database back to a revision."""
    with database.execution_options(writes=True).begin() as connection:
        command.downgrade(configuration(connection), revision)


def make_ready() -> None:
    """Make sure that the schema is the one this code knows: SQLite is migrated by itself, PostgreSQL is refused.

    A PostgreSQL database has other users, so changing its tables is an operator's decision.
    """
    check_reachable()
    with engine().connect() as connection:
        current, newest = current_revision(connection), newest_revision()
    if current == newest:
        return
    if current not in {None, *known_revisions()}:
        raise WrongUsage(
            f"The database is at revision {current}, made by a newer version of campaign; install that one."
        )
    if engine().dialect.name != "sqlite":
        raise WrongUsage(
            f"The database is at revision {current or 'none'} and this version needs {newest};"
            " run `campaign db upgrade`."
        )
    upgrade()
