"""Runs the migrations on the connection that campaign.db.engine hands over."""

from alembic import context
from sqlmodel import SQLModel

import models

target_metadata = SQLModel.metadata
assert models.__all__  # noqa: S101  importing the package is what fills the metadata


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
