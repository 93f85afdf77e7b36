"""desk users"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: SQLite counts rows up only for a column that is exactly INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "desk_user",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("full_name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_user")),
        sa.UniqueConstraint("name", name=op.f("uq_desk_user_name")),
        sa.UniqueConstraint("subject", name=op.f("uq_desk_user_subject")),
    )
    op.create_table(
        "desk_user_role",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["desk_user.id"], name=op.f("fk_desk_user_role_user_id_desk_user")),
        sa.PrimaryKeyConstraint("user_id", "service_id", name=op.f("pk_desk_user_role")),
    )
    op.create_table(
        "desk_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["desk_user.id"], name=op.f("fk_desk_session_user_id_desk_user")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_desk_session")),
    )
    op.create_index(op.f("ix_desk_session_user_id"), "desk_session", ["user_id"])
    # Without the tables that it refers to: one has an index that SQLAlchemy cannot read, and would say so.
    with op.batch_alter_table("audit_entry", reflect_kwargs={"resolve_fks": False}) as table:
        table.alter_column("delivery_id", existing_type=ID, nullable=True)
        table.add_column(sa.Column("subject", sa.String(length=120), nullable=False, server_default=""))


def downgrade() -> None:
    op.execute("DELETE FROM audit_entry WHERE delivery_id IS NULL")
    with op.batch_alter_table("audit_entry", reflect_kwargs={"resolve_fks": False}) as table:
        table.drop_column("subject")
        table.alter_column("delivery_id", existing_type=ID, nullable=False)
    op.drop_table("desk_session")
    op.drop_table("desk_user_role")
    op.drop_table("desk_user")
