"""Runs the migrations on the connection that campaign.db.engine hands over."""

from alembic import context

from models import Service

target_metadata = Service.metadata  # of all tables, which the package imports


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
