"""weekly slots and series"""

import sqlalchemy as sa
from alembic import op

from models.base import Id, Moment

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slot",
        sa.Column("id", Id, nullable=False),
        sa.Column("service_id", Id, nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("clock", sa.String(length=5), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_slot_service_id_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        sa.UniqueConstraint(
            "service_id", "weekday", "clock", "timezone", name=op.f("uq_slot_service_id_weekday_clock_timezone")
        ),
    )
    op.create_table(
        "series",
        sa.Column("id", Id, nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("every", sa.String(length=32), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("clock", sa.String(length=5), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("stopped_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
    )
    op.create_table(
        "series_occurrence",
        sa.Column("series_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("delivery_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_series_occurrence_series_id_series")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_series_occurrence_delivery_id_delivery")
        ),
        sa.PrimaryKeyConstraint("series_id", "number", name=op.f("pk_series_occurrence")),
        sa.UniqueConstraint("delivery_id", name=op.f("uq_series_occurrence_delivery_id")),
    )


def downgrade() -> None:
    op.drop_table("series_occurrence")
    op.drop_table("series")
    op.drop_table("slot")
