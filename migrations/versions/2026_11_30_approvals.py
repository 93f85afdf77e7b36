"""approvals by several people"""

import sqlalchemy as sa
from alembic import op

from models.base import Moment, UsDollars

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

#: SQLite counts rows up only for a column that is exactly INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "approval",
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_approval_delivery_id_delivery")),
        sa.PrimaryKeyConstraint("delivery_id", "fingerprint", "person", name=op.f("pk_approval")),
    )
    op.add_column("service", sa.Column("approval_by_another", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("service", sa.Column("two_approvers_recipients", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("service", sa.Column("two_approvers_cost", UsDollars(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name in ("two_approvers_cost", "two_approvers_recipients", "approval_by_another"):
        op.drop_column("service", name)
    op.drop_table("approval")
