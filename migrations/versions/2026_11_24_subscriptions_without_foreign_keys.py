"""subscriptions without foreign keys"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEYS = {
    "fk_subscription_service_id_service": ("service", "service_id"),
    "fk_subscription_visitor_id_visitor": ("visitor", "visitor_id"),
}


def upgrade() -> None:
    with op.batch_alter_table("subscription") as table:
        for name in KEYS:
            table.drop_constraint(name, type_="foreignkey")


def downgrade() -> None:
    with op.batch_alter_table("subscription") as table:
        for name, (referred, column) in KEYS.items():
            table.create_foreign_key(name, referred, [column], ["id"])
