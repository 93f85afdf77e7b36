"""texts of visitors as conditions compare them, and records left out of a sync"""

from unicodedata import category, normalize

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_AT_ONCE = 20_000


def upgrade() -> None:
    op.add_column("visitor", sa.Column("folded_name", sa.String(), nullable=True))
    op.add_column("visitor", sa.Column("folded_location", sa.String(), nullable=True))
    op.add_column("sync_run", sa.Column("left_out", sa.Integer(), nullable=False, server_default="0"))
    _fold_all()


def _fold_all() -> None:
    visitor = sa.table(
        "visitor", *(sa.column(name) for name in ("id", "full_name", "location", "folded_name", "folded_location"))
    )
    page = sa.select(visitor.c.id, visitor.c.full_name, visitor.c.location).order_by(visitor.c.id).limit(_AT_ONCE)
    change = visitor.update().where(visitor.c.id == sa.bindparam("of"))
    change = change.values(folded_name=sa.bindparam("name"), folded_location=sa.bindparam("place"))
    connection, last = op.get_bind(), 0
    while rows := connection.execute(page.where(visitor.c.id > last)).all():
        folded = [{"of": row.id, "name": _fold(row.full_name), "place": _fold(row.location)} for row in rows]
        connection.execute(change, folded)
        last = rows[-1].id


def _fold(text: str | None) -> str | None:
    if text is None or text.isascii():
        return text and text.lower()
    folded = normalize("NFKC", normalize("NFKC", text).casefold()).replace("i\u0307", "i").replace("\u0131", "i")
    return "".join(character for character in folded if category(character) != "Cf")


def downgrade() -> None:
    op.drop_column("sync_run", "left_out")
    op.drop_column("visitor", "folded_location")
    op.drop_column("visitor", "folded_name")
