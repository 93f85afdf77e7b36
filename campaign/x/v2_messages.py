"""Direct messages go out and are seen through X's API v2."""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import tweepy

from campaign.domain.budget import WindowName
from campaign.domain.direct_messages import MessageEvent, MessageEvents, NewMessage
from campaign.domain.receipt import Answer
from campaign.errors import Refused
from campaign.x import prices
from campaign.x.client import ask
from campaign.x.events import Page, read_events
from campaign.x.message_refusals import SENDING_V2
from campaign.x.replies import Reply, id_in
from campaign.x.v2_shown import message_text

# Who joined or left a group is not asked for: X charges for each event that it shows.
_MESSAGES = {
    "dm_event.fields": "id,text,event_type,created_at,sender_id,dm_conversation_id,entities",
    "event_types": "MessageCreate",
}
# docs.x.com/x-api/direct-messages: a conversation of two is named by both, one of more has a number.
_TWO_PERSONS = re.compile(r"(\d+)-(\d+)")


class MessagesV2:
    """Sending and looking, see campaign.x.gateway.Gateway."""

    message_endpoint = SENDING_V2
    message_price = prices.DIRECT_MESSAGE_CREATE
    message_limits: Mapping[WindowName, int] = MappingProxyType(
        {WindowName.QUARTER_HOUR: 15, WindowName.USER_DAY: 1_440, WindowName.APP_DAY: 1_440}
    )
    events_endpoint = "GET /2/dm_events"
    event_price = prices.DIRECT_MESSAGE_EVENT_READ
    longest_event_page = 100
    _client: tweepy.Client

    def send_message(self, message: NewMessage) -> Answer[str]:
        """Send and return X's id of the event; one call."""
        reply = ask(self._client, "POST", _route(message.recipient), document=_body(message))
        x_id = reply.read(_sent)
        return Answer(x_id, (reply.receipt(self.message_price, 1),))

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        """The account's messages after that id, newest first; a call for each page."""

        def page(size: int, token: str | None) -> Reply:
            query = {**_MESSAGES, "max_results": size, "pagination_token": token}
            return ask(self._client, "GET", "/2/dm_events", query=query)

        def read(reply: Reply) -> Page:
            return _page(reply, user_id)

        return read_events(page, read, self.event_price, self.longest_event_page, after_id, at_most)


def _route(recipient: str) -> str:
    """Where to send; what is no id would lead elsewhere."""
    if not (recipient.isascii() and recipient.isdecimal()):
        raise Refused("X knows no such person: an id of X's is a number.", reason="recipient_not_found")
    return f"/2/dm_conversations/with/{recipient}/messages"


def _body(message: NewMessage) -> dict[str, Any]:
    """The JSON of X's CreateDmEventRequest; what is not set is left out."""
    body: dict[str, Any] = {"text": message.text} if message.text else {}
    if message.media_id:
        body["attachments"] = [{"media_id": message.media_id}]
    return body


def _sent(reply: Reply) -> str:
    return id_in(reply.document()["data"], "dm_event_id")


def _page(reply: Reply, user_id: str) -> Page:
    """The page; one without `meta` is no page: it would look like the last one."""
    document = reply.document()
    meta, shown = document["meta"], document.get("data")
    if shown is None and (document.get("errors") or meta["result_count"] != 0):
        raise KeyError("data")
    events = [event for each in shown or [] if (event := _event(each, user_id))]
    return Page([int(id_in(each, "id")) for each in shown or []], events, meta.get("next_token") or None)


def _event(shown: dict[str, Any], user_id: str) -> MessageEvent | None:
    """The message; None for what is none, and for one among more than two persons."""
    if shown["event_type"] != "MessageCreate":
        return None
    persons = _TWO_PERSONS.fullmatch(shown["dm_conversation_id"])
    if not persons or user_id not in persons.groups():
        return None
    sender = id_in(shown, "sender_id")
    others = list(persons.groups())
    others.remove(sender)
    return MessageEvent(
        x_id=id_in(shown, "id"),
        sender=sender,
        recipient=others[0],
        text=message_text(shown),
        created_at=datetime.fromisoformat(shown["created_at"]),
    )
