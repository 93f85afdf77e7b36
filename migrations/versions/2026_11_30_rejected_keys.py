"""since when X rejects the keys of a service"""

import sqlalchemy as sa
from alembic import op

from models.base import Moment

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("service", sa.Column("rejected_since", Moment(), nullable=True))


def downgrade() -> None:
    op.drop_column("service", "rejected_since")
