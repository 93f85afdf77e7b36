"""foundation and account sync"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: SQLite counts rows up only for a column that is exactly INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "service",
        sa.Column("id", ID, nullable=False),
        sa.Column("block_id", sa.String(length=36), nullable=True),
        sa.Column("internal_name", sa.String(length=15), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("visitor_folder", sa.String(), nullable=False),
        sa.Column("synchronize", sa.Boolean(), nullable=False),
        sa.Column("proof", sa.Boolean(), nullable=False),
        sa.Column("api_version", sa.String(length=32), nullable=False),
        sa.Column("owned", sa.Boolean(), nullable=False),
        sa.Column("spend_cap", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("x_user_id", sa.String(length=20), nullable=True),
        sa.Column("x_username", sa.String(length=50), nullable=True),
        sa.Column("x_name", sa.String(), nullable=True),
        sa.Column("followers_count", sa.BigInteger(), nullable=True),
        sa.Column("protected", sa.Boolean(), nullable=True),
        sa.Column("access_level", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service")),
        sa.UniqueConstraint("block_id", name=op.f("uq_service_block_id")),
        sa.UniqueConstraint("x_user_id", name=op.f("uq_service_x_user_id")),
    )
    op.create_index(op.f("ix_service_internal_name"), "service", ["internal_name"], unique=False)
    op.create_table(
        "visitor",
        sa.Column("id", ID, nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("external_id", sa.String(length=20), nullable=False),
        sa.Column("username", sa.String(length=50), nullable=True),
        sa.Column("full_name", sa.String(), nullable=True),
        sa.Column("followers_count", sa.BigInteger(), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=True),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visitor")),
        sa.UniqueConstraint("origin", "external_id", name=op.f("uq_visitor_origin_external_id")),
    )
    op.create_table(
        "budget",
        sa.Column("service_id", ID, nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("reset_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_budget_service_id_service")),
        sa.PrimaryKeyConstraint("service_id", "endpoint", "window", name=op.f("pk_budget")),
    )
    op.create_table(
        "charge",
        sa.Column("id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("resources", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_charge_service_id_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge")),
    )
    op.create_index("ix_charge_service_id_at", "charge", ["service_id", "at"], unique=False)
    op.create_table(
        "past_subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("visitor_id", ID, nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_past_subscription_service_id_service")),
        sa.ForeignKeyConstraint(["visitor_id"], ["visitor.id"], name=op.f("fk_past_subscription_visitor_id_visitor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_subscription")),
    )
    op.create_table(
        "subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("visitor_id", ID, nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_subscription_service_id_service")),
        sa.ForeignKeyConstraint(["visitor_id"], ["visitor.id"], name=op.f("fk_subscription_visitor_id_visitor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("service_id", "visitor_id", name=op.f("uq_subscription_service_id_visitor_id")),
    )
    op.create_index(
        "ix_subscription_ended",
        "subscription",
        ["service_id", "ended_at"],
        unique=False,
        postgresql_where=sa.text("ended_at is not null"),
        sqlite_where=sa.text("ended_at is not null"),
    )
    op.create_table(
        "sync_run",
        sa.Column("id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("flow_run_id", sa.String(length=36), nullable=True),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reading_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("goes_on_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_token", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("followers_read", sa.Integer(), nullable=False),
        sa.Column("followers", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_sync_run_service_id_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
    )
    op.create_index(op.f("ix_sync_run_flow_run_id"), "sync_run", ["flow_run_id"], unique=False)
    op.create_index(
        "uq_sync_run_running",
        "sync_run",
        ["service_id"],
        unique=True,
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "sync_page",
        sa.Column("sync_run_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("visitor_ids", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sync_run_id"], ["sync_run.id"], name=op.f("fk_sync_page_sync_run_id_sync_run")),
        sa.PrimaryKeyConstraint("sync_run_id", "number", name=op.f("pk_sync_page")),
    )


def downgrade() -> None:
    op.drop_table("sync_page")
    op.drop_index(
        "uq_sync_run_running",
        table_name="sync_run",
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.drop_index(op.f("ix_sync_run_flow_run_id"), table_name="sync_run")
    op.drop_table("sync_run")
    op.drop_index(
        "ix_subscription_ended",
        table_name="subscription",
        postgresql_where=sa.text("ended_at is not null"),
        sqlite_where=sa.text("ended_at is not null"),
    )
    op.drop_table("subscription")
    op.drop_table("past_subscription")
    op.drop_index("ix_charge_service_id_at", table_name="charge")
    op.drop_table("charge")
    op.drop_table("budget")
    op.drop_table("visitor")
    op.drop_index(op.f("ix_service_internal_name"), table_name="service")
    op.drop_table("service")
