"""media library"""

import sqlalchemy as sa
from alembic import op

from models.base import Id, Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media_blob",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("size", Id, nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("alt_text", sa.Text(), nullable=False),
        sa.Column("added_at", Moment(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_media_blob")),
        sa.UniqueConstraint("name", name=op.f("uq_media_blob_name")),
    )
    op.create_table(
        "media_chunk",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["media_blob.sha256"], name=op.f("fk_media_chunk_sha256_media_blob")),
        sa.PrimaryKeyConstraint("sha256", "number", name=op.f("pk_media_chunk")),
    )


def downgrade() -> None:
    op.drop_table("media_chunk")
    op.drop_table("media_blob")
