"""Direct messages go out and are seen through X's API v1.1."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import tweepy

from campaign.domain.budget import WindowName
from campaign.domain.direct_messages import MessageEvent, MessageEvents, NewMessage
from campaign.domain.receipt import Answer
from campaign.x import prices
from campaign.x.client import ask
from campaign.x.events import Page, read_events
from campaign.x.message_refusals import SENDING_V1
from campaign.x.replies import Reply, id_in
from campaign.x.shown import as_written

_ROUTE = "/1.1/direct_messages/events"


class MessagesV1:
    """Sending and looking, see campaign.x.gateway.Gateway."""

    message_endpoint = SENDING_V1
    message_price = prices.as_on_legacy(prices.DIRECT_MESSAGE_CREATE)
    message_limits: Mapping[WindowName, int] = MappingProxyType(
        {WindowName.USER_DAY: 1_000, WindowName.APP_DAY: 15_000}
    )
    events_endpoint = "GET /1.1/direct_messages/events/list"
    event_price = prices.as_on_legacy(prices.DIRECT_MESSAGE_EVENT_READ)
    longest_event_page = 50
    _client: tweepy.Client

    def send_message(self, message: NewMessage) -> Answer[str]:
        """Send and return X's id of the event; one call."""
        reply = ask(self._client, "POST", f"{_ROUTE}/new.json", document=_body(message))
        x_id = reply.read(_sent)
        return Answer(x_id, (reply.receipt(self.message_price, 1),))

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        """The account's messages after that id, newest first; a call for each page."""

        def page(size: int, cursor: str | None) -> Reply:
            return ask(self._client, "GET", f"{_ROUTE}/list.json", query={"count": size, "cursor": cursor})

        def read(reply: Reply) -> Page:
            return _page(reply, user_id)

        return read_events(page, read, self.event_price, self.longest_event_page, after_id, at_most)


def _body(message: NewMessage) -> dict[str, Any]:
    data: dict[str, Any] = {"text": message.text}
    if message.media_id:
        data["attachment"] = {"type": "media", "media": {"id": message.media_id}}
    create = {"target": {"recipient_id": message.recipient}, "message_data": data}
    return {"event": {"type": "message_create", "message_create": create}}


def _sent(reply: Reply) -> str:
    return id_in(reply.document()["event"], "id")


def _page(reply: Reply, user_id: str) -> Page:
    """The page; only the last one does not say where to go on."""
    document = reply.document()
    shown = document["events"]
    events = [event for each in shown if (event := _event(each, user_id))]
    return Page([int(id_in(each, "id")) for each in shown], events, document.get("next_cursor") or None)


def _event(shown: dict[str, Any], user_id: str) -> MessageEvent | None:
    """The message; None for what is none."""
    if shown["type"] != "message_create":
        return None
    create = shown["message_create"]
    sender, recipient = id_in(create, "sender_id"), id_in(create["target"], "recipient_id")
    if user_id not in {sender, recipient}:
        return None
    return MessageEvent(
        x_id=id_in(shown, "id"),
        sender=sender,
        recipient=recipient,
        text=_text(create["message_data"]),
        created_at=datetime.fromtimestamp(int(shown["created_timestamp"]) / 1000, UTC),
    )


def _text(data: dict[str, Any]) -> str:
    """The text as it was written, without the link that X adds for a file."""
    links = (data.get("entities") or {}).get("urls") or []
    media = (data.get("attachment") or {}).get("media") or {}
    return as_written(
        data.get("text") or "",
        {each["url"]: each["expanded_url"] for each in links if each.get("expanded_url")},
        {media["url"]} if media.get("url") else set(),
    )
