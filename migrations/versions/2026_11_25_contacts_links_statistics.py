"""contacts, links, statistics"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: SQLite counts rows up only for a column that is exactly INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
KNOWN = sa.text("external_id is not null")


def upgrade() -> None:
    _create_contacts()
    _create_links()
    _create_statistics()
    op.add_column("delivery", sa.Column("is_invitation", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("service", sa.Column("join_purpose", sa.Text(), nullable=False, server_default=""))
    op.add_column("service", sa.Column("asks_email", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("service", sa.Column("has_oauth2", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column(
        "service", sa.Column("reconciliation", sa.String(64), nullable=False, server_default="x_user_id, email")
    )


def _create_contacts() -> None:
    op.create_table(
        "contact",
        sa.Column("id", ID, primary_key=True),
        sa.Column("external_id", sa.String(20)),
        sa.Column("visitor_id", ID),
        sa.Column("username", sa.String(50)),
        _text("full_name"),
        sa.Column("description", sa.Text()),
        _text("location"),
        sa.Column("website", sa.Text()),
        sa.Column("picture_url", sa.Text()),
        sa.Column("verified", sa.Boolean()),
        sa.Column("followers_count", sa.BigInteger()),
        sa.Column("posts_count", sa.BigInteger()),
        sa.Column("joined_x_at", MOMENT),
        sa.Column("language", sa.String(16)),
        sa.Column("email", sa.String(320)),
        _moment("created_at"),
        _moment("updated_at"),
    )
    op.create_index(
        "uq_contact_external_id", "contact", ["external_id"], unique=True, postgresql_where=KNOWN, sqlite_where=KNOWN
    )
    op.create_index("ix_contact_visitor_id", "contact", ["visitor_id"])
    op.create_index("ix_contact_email", "contact", ["email"])
    op.create_table(
        "agreement",
        sa.Column("id", ID, primary_key=True),
        _id("service_id"),
        sa.Column("external_id", sa.String(20), nullable=False),
        sa.Column("contact_id", ID),
        _id("delivery_id"),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_version", sa.String(64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("may_link", sa.Boolean(), nullable=False),
        _moment("agreed_at"),
        sa.Column("recovered_at", MOMENT),
        sa.Column("reconciled_by", sa.String(32)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", MOMENT),
    )
    op.create_index("ix_agreement_service_id_external_id", "agreement", ["service_id", "external_id"])
    for column in ("contact_id", "delivery_id", "state"):
        op.create_index(f"ix_agreement_{column}", "agreement", [column])
    op.create_table(
        "invitation_opening",
        sa.Column("delivery_id", ID, primary_key=True, autoincrement=False),
        sa.Column("visitor_id", ID, primary_key=True, autoincrement=False),
        _moment("opened_at"),
    )
    op.create_table("erased_person", sa.Column("mark", sa.String(64), primary_key=True), _moment("erased_at"))


def _create_links() -> None:
    op.create_table(
        "link",
        sa.Column("id", ID, primary_key=True),
        _id("delivery_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.UniqueConstraint("delivery_id", "number", name=op.f("uq_link_delivery_id_number")),
    )
    op.create_table(
        "short_link",
        sa.Column("token", sa.String(16), primary_key=True),
        _id("link_id"),
        _id("message_id"),
        _moment("expires_at"),
        sa.UniqueConstraint("message_id", "link_id", name=op.f("uq_short_link_message_id_link_id")),
    )
    op.create_table(
        "click",
        sa.Column("id", ID, primary_key=True),
        _id("link_id"),
        _id("message_id"),
        _moment("clicked_at"),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("is_robot", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_click_link_id_clicked_at", "click", ["link_id", "clicked_at"])
    op.create_index("ix_click_message_id", "click", ["message_id"])


def _create_statistics() -> None:
    numbers = ("reposts", "likes", "replies", "quotes", "bookmarks", "impressions", "link_visits")
    op.create_table(
        "post_metrics",
        sa.Column("id", ID, primary_key=True),
        _id("message_id"),
        _moment("taken_at"),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in numbers),
    )
    op.create_index("ix_post_metrics_message_id_taken_at", "post_metrics", ["message_id", "taken_at"])
    op.create_table(
        "audience_day",
        sa.Column("service_id", ID, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Date(), primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("followers", "gained", "lost")),
    )


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, ID, nullable=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String())


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, MOMENT, nullable=False)


def downgrade() -> None:
    for name in ("reconciliation", "has_oauth2", "asks_email", "join_purpose"):
        op.drop_column("service", name)
    op.drop_column("delivery", "is_invitation")
    for table in (
        "audience_day",
        "post_metrics",
        "click",
        "short_link",
        "link",
        "erased_person",
        "invitation_opening",
        "agreement",
        "contact",
    ):
        op.drop_table(table)
