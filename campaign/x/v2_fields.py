"""Posts are asked for by fields, whose names X changed."""

from collections.abc import Mapping
from typing import Any

import tweepy

from campaign.domain.receipt import Receipt
from campaign.errors import Refused
from campaign.x.client import ask
from campaign.x.replies import Reply

# X's OpenAPI 2.167 (2026-08-07) renamed them; its documentation shows the old ones everywhere.
_OLD, _NEW = "tweet", "post"


class FieldsV2:
    """Asks with the names that X accepts; the gateway remembers them."""

    _client: tweepy.Client
    _word = _OLD

    def _ask_for(self, fields: str, receipts: list[Receipt], route: str, query: Mapping[str, Any]) -> Reply:
        """The posts with these fields, in their old names; `receipts` gets that of a question in vain."""
        try:
            return self._ask_once(fields, route, query)
        except Refused as refused:
            if refused.reason != "field_names" or self._word == _NEW:
                raise
            receipts += refused.receipts
        self._word = _NEW
        return self._ask_once(fields, route, query)

    def _ask_once(self, fields: str, route: str, query: Mapping[str, Any]) -> Reply:
        named = {f"{self._word}.fields": fields.replace(_OLD, self._word)}
        return ask(self._client, "GET", route, query={**query, **named})
