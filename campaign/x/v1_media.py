"""Files go to X through its API v1.1."""

from collections.abc import Callable
from typing import Any

import tweepy

from campaign.domain.posts import MediaFile, UploadedMedia
from campaign.domain.receipt import Answer
from campaign.x import prices
from campaign.x.client import UPLOADS, send
from campaign.x.replies import Reply
from campaign.x.uploads import upload

_ROUTE = "/1.1/media/upload.json"


class MediaV1:
    """Uploading, see campaign.x.gateway.Gateway."""

    alt_text_price = prices.as_on_legacy(prices.MEDIA_METADATA)
    _client: tweepy.Client

    def upload(self, file: MediaFile, on_progress: Callable[[int, int], None]) -> Answer[UploadedMedia]:
        """Send the file in pieces."""
        return upload(_CallsV1(self._client), file, on_progress)


class _CallsV1:
    """The commands INIT, APPEND, FINALIZE and STATUS of media/upload, and media/metadata/create, as in tweepy.API."""

    alt_text_price = MediaV1.alt_text_price

    def __init__(self, client: tweepy.Client) -> None:
        self._client = client

    def initialize(self, file: MediaFile, size: int) -> Reply:
        form = {"media_type": file.media_type, "total_bytes": size, "media_category": file.category}
        if file.for_messages:  # otherwise X takes it for one message only
            form["shared"] = "true"
        return self._send({"command": "INIT", **form})

    def append(self, media_id: str, index: int, chunk: bytes) -> Reply:
        form = {"command": "APPEND", "media_id": media_id, "segment_index": index}
        return self._send(form, files={"media": ("media", chunk, "application/octet-stream")})

    def finalize(self, media_id: str) -> Reply:
        return self._send({"command": "FINALIZE", "media_id": media_id})

    def status(self, media_id: str) -> Reply:
        return send(
            self._client, _ROUTE, method="GET", host=UPLOADS, params={"command": "STATUS", "media_id": media_id}
        )

    def describe(self, media_id: str, alt_text: str) -> Reply:
        body = {"media_id": media_id, "alt_text": {"text": alt_text}}
        return send(self._client, "/1.1/media/metadata/create.json", host=UPLOADS, json=body)

    def _send(self, form: dict[str, Any], **content: Any) -> Reply:
        return send(self._client, _ROUTE, host=UPLOADS, data=form, **content)
