"""deliveries"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: SQLite counts rows up only for a column that is exactly INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "delivery_template",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("is_built_in", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_delivery_template")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("template", sa.String(length=80), nullable=True),
        sa.Column("proof_service_id", ID, nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("contact_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("validity_days", sa.Integer(), nullable=False),
        sa.Column(
            "approval",
            sa.String(length=32),
            nullable=False,
        ),
        sa.Column("tracking", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.String(length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.String(length=36), nullable=True),
        sa.Column("proofs", sa.Integer(), nullable=False),
        sa.Column("analysis", sa.Text(), nullable=False),
        sa.Column("analysed_fingerprint", sa.String(length=64), nullable=True),
        sa.Column("analysed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_fingerprint", sa.String(length=64), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["proof_service_id"], ["service.id"], name=op.f("fk_delivery_proof_service_id_service")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("name", name=op.f("uq_delivery_name")),
    )
    op.create_index(op.f("ix_delivery_flow_run_id"), "delivery", ["flow_run_id"], unique=False)
    op.create_index(op.f("ix_delivery_state"), "delivery", ["state"], unique=False)

    op.create_table(
        "uploaded_file",
        sa.Column("service_id", ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("alt_text", sa.String(length=1000), nullable=False),
        sa.Column("media_id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_uploaded_file_service_id_service")),
        sa.PrimaryKeyConstraint("service_id", "sha256", "alt_text", name=op.f("pk_uploaded_file")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_audit_entry_delivery_id_delivery")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_delivery_id"), "audit_entry", ["delivery_id"], unique=False)

    op.create_table(
        "delivery_target",
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_target_delivery_id_delivery")),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_delivery_target_service_id_service")),
        sa.PrimaryKeyConstraint("delivery_id", "service_id", name=op.f("pk_delivery_target")),
    )
    op.create_table(
        "message",
        sa.Column("id", ID, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("proof_number", sa.Integer(), nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("visitor_id", ID, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.String(length=32),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("x_id", sa.String(length=20), nullable=True),
        sa.Column("reason_code", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("armed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_armed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_message_delivery_id_delivery")),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_message_service_id_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint(
            "delivery_id",
            "proof_number",
            "service_id",
            "visitor_id",
            "part",
            name=op.f("uq_message_delivery_id_proof_number_service_id_visitor_id_part"),
        ),
    )
    op.create_index("ix_message_service_id_state", "message", ["service_id", "state"], unique=False)
    op.create_index(
        "uq_message_x_id",
        "message",
        ["x_id"],
        unique=True,
        postgresql_where=sa.text("x_id is not null"),
        sqlite_where=sa.text("x_id is not null"),
    )

    with op.batch_alter_table("service") as table:
        table.add_column(sa.Column("longest_post", sa.Integer(), nullable=False, server_default="280"))


def downgrade() -> None:
    with op.batch_alter_table("service") as table:
        table.drop_column("longest_post")

    op.drop_table("message")
    op.drop_table("delivery_target")

    op.drop_table("audit_entry")
    op.drop_table("uploaded_file")

    op.drop_table("delivery")
    op.drop_table("delivery_template")
