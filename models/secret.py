"""Secrets, encrypted with a key that is kept outside of the database."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from models.base import Id, Moment, stored_as_text


class SecretKind(StrEnum):
    """What a secret opens."""

    SERVICE_KEYS = "service_keys"
    """The four keys of an X account, and the client id and secret of its app; the owner is the service."""
    CONTACT_GRANT = "contact_grant"
    """The token of a person who agreed; the owner is the agreement."""
    KEY_CHECK = "key_check"
    """Not a secret: it shows whether an encryption key is the right one."""


class Secret(SQLModel, table=True):
    """One secret of one owner. Read and written by `campaign.db.vault` only."""

    kind: SecretKind = Field(primary_key=True, sa_type=stored_as_text(SecretKind))
    owner_id: int = Field(primary_key=True, sa_type=Id)
    """A service or an agreement, by the kind; 0 for the key check."""
    value: str = Field(repr=False, sa_type=Text)
    """A Fernet token."""
    updated_at: datetime = Field(sa_type=Moment)
    """When it was last encrypted: saved, or given a new key."""
