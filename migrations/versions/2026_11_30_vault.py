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
    op.add_column("service", sa.Column("form_type_id", sa.String(length=36), nullable=True))


def downgrade() -> None:
    # The secrets go with the table: their key alone brings nothing back.
    op.drop_column("service", "form_type_id")
    op.drop_table("secret")
