"""vault"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

#: SQLite counts rows up only for a column that is exactly INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "secret",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "owner_id", name=op.f("pk_secret")),
    )
    op.create_table(
        "form_problem",
        sa.Column("block_id", sa.String(length=36), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block_id", name=op.f("pk_form_problem")),
    )
    op.add_column("service", sa.Column("form_type_id", sa.String(length=36), nullable=True))
    op.add_column("service", sa.Column("form_seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("service", sa.Column("form_shows_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("service", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    # Until now a service without a form was a removed one.
    op.execute("UPDATE service SET removed_at = CURRENT_TIMESTAMP WHERE block_id IS NULL")
    op.create_index(
        "uq_service_connected_name",
        "service",
        [sa.text("lower(internal_name)")],
        unique=True,
        postgresql_where=sa.text("removed_at is null"),
        sqlite_where=sa.text("removed_at is null"),
    )


def downgrade() -> None:
    # The secrets go with the table: their key alone brings nothing back.
    op.drop_index("uq_service_connected_name", table_name="service")
    op.execute("UPDATE service SET block_id = NULL WHERE removed_at IS NOT NULL")
    op.drop_column("service", "removed_at")
    op.drop_column("service", "form_shows_at")
    op.drop_column("service", "form_seen_at")
    op.drop_column("service", "form_type_id")
    op.drop_table("form_problem")
    op.drop_table("secret")
