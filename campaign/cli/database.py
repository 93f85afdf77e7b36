"""`campaign db`: the schema of the database."""

import typer

from campaign.cli import output

database = typer.Typer(help="The schema of the database.", no_args_is_help=True)


@database.callback()
def _group() -> None:
    """Keep `upgrade` a subcommand though it is the only one."""


@database.command()
def upgrade() -> None:
    """Bring the database to the schema of this version; safe to run twice."""
    from campaign.store import schema
    from campaign.store.engine import check_reachable

    check_reachable()
    schema.upgrade()
    output.say(f"The database is at revision {schema.newest_revision()}.")
