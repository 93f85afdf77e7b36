"""opt-outs: unclear messages, handles on the denylist, consent by writing first, folded texts"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

#: SQLite counts rows up only for a column that is exactly INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "unclear_message",
        sa.Column("service_id", ID, nullable=False),
        sa.Column("visitor_id", ID, nullable=False),
        sa.Column("event_id", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("service_id", "visitor_id", name=op.f("pk_unclear_message")),
    )
    op.create_index(op.f("ix_unclear_message_visitor_id"), "unclear_message", ["visitor_id"])
    op.create_table(
        "suppressed_handle",
        sa.Column("service_id", ID, nullable=False),
        sa.Column("handle", sa.String(length=50), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("service_id", "handle", name=op.f("pk_suppressed_handle")),
    )
    op.add_column("service", sa.Column("wrote_first_counts", sa.Boolean(), nullable=False, server_default=sa.false()))
    # The services that are there keep counting it until an operator switches it off; their forms show it anew.
    service = sa.table("service", sa.column("wrote_first_counts", sa.Boolean()), sa.column("form_shows_at"))
    op.execute(service.update().values(wrote_first_counts=True, form_shows_at=None))


def downgrade() -> None:
    op.drop_column("service", "wrote_first_counts")
    op.drop_table("suppressed_handle")
    op.drop_index(op.f("ix_unclear_message_visitor_id"), table_name="unclear_message")
    op.drop_table("unclear_message")
