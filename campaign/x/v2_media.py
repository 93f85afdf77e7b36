"""Files go to X through its API v2, for which tweepy has nothing."""

from collections.abc import Callable

import tweepy

from campaign.domain.posts import MediaFile, UploadedMedia
from campaign.domain.receipt import Answer
from campaign.x import prices
from campaign.x.client import ask, send
from campaign.x.replies import Reply
from campaign.x.uploads import upload

_ROUTE = "/2/media/upload"


class MediaV2:
    """Uploading, see campaign.x.gateway.Gateway."""

    alt_text_price = prices.MEDIA_METADATA
    _client: tweepy.Client

    def upload(self, file: MediaFile, on_progress: Callable[[int, int], None]) -> Answer[UploadedMedia]:
        """Send the file in pieces."""
        return upload(_CallsV2(self._client), file, on_progress)


class _CallsV2:
    """docs.x.com/x-api/media: initialize, append, finalize, get upload status, create metadata."""

    alt_text_price = prices.MEDIA_METADATA

    def __init__(self, client: tweepy.Client) -> None:
        self._client = client

    def initialize(self, file: MediaFile, size: int) -> Reply:
        body = {"media_type": file.media_type, "total_bytes": size, "media_category": file.category}
        if file.for_messages:  # otherwise X takes it for one message only
            body["shared"] = True
        return ask(self._client, "POST", f"{_ROUTE}/initialize", document=body)

    def append(self, media_id: str, index: int, chunk: bytes) -> Reply:
        return send(
            self._client,
            f"{_ROUTE}/{media_id}/append",
            data={"segment_index": index},
            files={"media": ("media", chunk, "application/octet-stream")},
        )

    def finalize(self, media_id: str) -> Reply:
        return ask(self._client, "POST", f"{_ROUTE}/{media_id}/finalize")

    def status(self, media_id: str) -> Reply:
        return ask(self._client, "GET", _ROUTE, query={"command": "STATUS", "media_id": media_id})

    def describe(self, media_id: str, alt_text: str) -> Reply:
        body = {"id": media_id, "metadata": {"alt_text": {"text": alt_text}}}
        return ask(self._client, "POST", "/2/media/metadata", document=body)
