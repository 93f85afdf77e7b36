"""The media library: files that were given by upload, by what is in them."""

from datetime import datetime

from sqlalchemy import LargeBinary, Text
from sqlmodel import Field, SQLModel

from models.base import Id, Moment


class MediaBlob(SQLModel, table=True):
    """A picture, GIF or video that was checked; its bytes are chunks, or a file of the shared folder."""

    __tablename__ = "media_blob"

    sha256: str = Field(primary_key=True, max_length=64)
    name: str = Field(unique=True, max_length=80)
    """Small letters, digits, hyphens, and the end that fits its type; never that of another file."""
    media_type: str = Field(max_length=32)
    size: int = Field(sa_type=Id)
    """In bytes."""
    width: int
    height: int
    seconds: float
    """Of a video."""
    alt_text: str = Field(default="", sa_type=Text)
    """The description of items that have none of their own."""
    added_at: datetime = Field(sa_type=Moment)
    added_by: str


class MediaChunk(SQLModel, table=True):
    """A piece of a file, at most a megabyte: neither database hands out a video at once without holding it twice."""

    __tablename__ = "media_chunk"

    sha256: str = Field(primary_key=True, max_length=64, foreign_key="media_blob.sha256")
    number: int = Field(primary_key=True)
    content: bytes = Field(sa_type=LargeBinary)
