"""indexes by which people are searched and sorted"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    by_bytes = " text_pattern_ops" if op.get_bind().dialect.name == "postgresql" else ""
    op.create_index("ix_visitor_handle", "visitor", [sa.text(f"lower(username){by_bytes}")])
    op.create_index("ix_visitor_folded_name", "visitor", [sa.text(f"folded_name{by_bytes}")])
    op.create_index("ix_visitor_known_followers", "visitor", [sa.text("coalesce(followers_count, -1)"), "id"])


def downgrade() -> None:
    for name in ("known_followers", "folded_name", "handle"):
        op.drop_index(f"ix_visitor_{name}", table_name="visitor")
