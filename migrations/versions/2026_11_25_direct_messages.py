"""direct messages"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: SQLite counts rows up only for a column that is exactly INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
REACHED = sa.text("visitor_id <> 0 and state in ('sending', 'sent', 'uncertain')")
TRIED = sa.text("visitor_id <> 0 and armed_at is not null")
RUNNING = sa.text("ended_at is null")
KEYS = {"fk_message_delivery_id_delivery": "delivery", "fk_message_service_id_service": "service"}
OPT_OUT_LINE = "Reply STOP to stop these messages."


def upgrade() -> None:
    _create_consents()
    _create_waves()
    _widen()
    with op.batch_alter_table("message") as table:
        for name in KEYS:
            table.drop_constraint(name, type_="foreignkey")
        table.drop_index("ix_message_service_id_state")
        table.create_index("ix_message_service_id_state_id", ["service_id", "state", "id"])
        reached = ["service_id", "visitor_id", "proof_number", "armed_at"]
        table.create_index("ix_message_reached", reached, postgresql_where=REACHED, sqlite_where=REACHED)
        table.create_index("ix_message_tried", ["service_id", "armed_at"], postgresql_where=TRIED, sqlite_where=TRIED)
    # What X keeps for a day only: nothing is lost with it.
    op.drop_table("uploaded_file")
    _create_uploads(sa.Column("category", sa.String(length=16), nullable=False), "category")


def _create_consents() -> None:
    op.create_table(
        "consent",
        sa.Column("id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("visitor_id", ID, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(
        "uq_consent_running",
        "consent",
        ["service_id", "visitor_id"],
        unique=True,
        postgresql_where=RUNNING,
        sqlite_where=RUNNING,
    )
    op.create_index("ix_consent_visitor_id", "consent", ["visitor_id"])
    _create_pairs("suppression", sa.Column("proof", sa.Text(), nullable=False), sa.Column("at", MOMENT, nullable=False))
    _create_pairs("unreachable", sa.Column("at", MOMENT, nullable=False))
    op.create_table(
        "inbox",
        sa.Column("service_id", ID, nullable=False),
        sa.Column("read_to_id", sa.String(length=20), nullable=False),
        sa.Column("read_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_inbox")),
    )


def _create_pairs(name: str, *more: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("service_id", ID, nullable=False),
        sa.Column("visitor_id", ID, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("service_id", "visitor_id", name=op.f(f"pk_{name}")),
    )


def _create_waves() -> None:
    op.create_table(
        "wave",
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_message_id", ID, nullable=False),
        sa.Column("recipients", sa.Integer(), nullable=False),
        sa.Column("offset_seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "service_id", "number", name=op.f("pk_wave")),
    )
    op.create_table(
        "exclusion",
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("visitor_id", ID, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "service_id", "visitor_id", name=op.f("pk_exclusion")),
    )


def _widen() -> None:
    op.add_column("visitor", sa.Column("location", sa.String(), nullable=True))
    op.add_column("delivery", sa.Column("broadcast", sa.Text(), nullable=False, server_default=""))
    op.add_column("delivery", sa.Column("priority", sa.String(length=32), nullable=False, server_default="normal"))
    for column in (
        sa.Column("app", sa.String(length=16), nullable=False, server_default=""),
        sa.Column("message_policy", sa.String(length=32), nullable=False, server_default="all_followers"),
        sa.Column("opt_out_line", sa.Text(), nullable=False, server_default=OPT_OUT_LINE),
        sa.Column("frequency_cap", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("frequency_days", sa.Integer(), nullable=False, server_default="7"),
        sa.Column("quiet_hours", sa.String(length=11), nullable=False, server_default=""),
        sa.Column("timezone", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("daily_limit", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("service", column)
    op.create_index("ix_service_app", "service", ["app"])
    op.create_index(
        "ix_charge_unsettled",
        "charge",
        ["service_id", "endpoint"],
        postgresql_where=sa.text("settled is false"),
        sqlite_where=sa.text("settled is 0"),
    )


def _create_uploads(*more: sa.Column[Any] | str) -> None:
    columns = [each for each in more if isinstance(each, sa.Column)]
    keys = [each for each in more if isinstance(each, str)]
    op.create_table(
        "uploaded_file",
        sa.Column("service_id", ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        *columns,
        sa.Column("alt_text", sa.String(length=1000), nullable=False),
        sa.Column("media_id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_uploaded_file_service_id_service")),
        sa.PrimaryKeyConstraint("service_id", "sha256", *keys, "alt_text", name=op.f("pk_uploaded_file")),
    )


def downgrade() -> None:
    op.drop_table("uploaded_file")
    _create_uploads()
    with op.batch_alter_table("message") as table:
        table.drop_index("ix_message_tried")
        table.drop_index("ix_message_reached")
        table.drop_index("ix_message_service_id_state_id")
        table.create_index("ix_message_service_id_state", ["service_id", "state"])
        for name, referred in KEYS.items():
            table.create_foreign_key(name, referred, [f"{referred}_id"], ["id"])
    op.drop_index("ix_charge_unsettled", "charge")
    op.drop_index("ix_service_app", "service")
    for name in (
        "daily_limit",
        "timezone",
        "quiet_hours",
        "frequency_days",
        "frequency_cap",
        "opt_out_line",
        "message_policy",
        "app",
    ):
        op.drop_column("service", name)
    op.drop_column("delivery", "priority")
    op.drop_column("delivery", "broadcast")
    op.drop_column("visitor", "location")
    for table_name in ("exclusion", "wave", "inbox", "unreachable", "suppression", "consent"):
        op.drop_table(table_name)
