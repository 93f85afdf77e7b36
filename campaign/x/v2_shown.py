"""Posts and messages as X's API v2 shows them, under the names of before and after 2026-08-07. Pure."""

import re
from datetime import datetime
from typing import Any

from campaign.domain.posts import OwnPost
from campaign.x.replies import id_in
from campaign.x.shown import as_written

_REPOSTED = {"retweeted", "reposted"}


def own_post(shown: dict[str, Any]) -> OwnPost | None:
    """The post, None for a repost; raises KeyError, TypeError or ValueError when it is none.

    A long post is cut in `text` and whole in `note_post`.
    """
    x_id = id_in(shown, "id")
    references = {each.get("type"): each for each in _either(shown, "referenced_posts", "referenced_tweets") or []}
    if _REPOSTED & references.keys():
        return None
    note = _either(shown, "note_post", "note_tweet") or {}
    links = [*_links(shown), *_links(note)]
    return OwnPost(
        x_id=x_id,
        text=as_written(note.get("text") or shown["text"], _full(links), _own_media(links, x_id)),
        created_at=datetime.fromisoformat(shown["created_at"]),
        reply_to=id_in(references["replied_to"], "id") if "replied_to" in references else None,
        media=len((shown.get("attachments") or {}).get("media_keys") or []),
    )


def message_text(shown: dict[str, Any]) -> str:
    """The text of a direct message; empty when there is only a file."""
    links = _links(shown)
    own = re.compile(rf"/messages/media/{id_in(shown, 'id')}$")
    return as_written(shown.get("text") or "", _full(links), _media(links, own))


def _either(shown: dict[str, Any], new: str, old: str) -> Any:
    return shown.get(new) or shown.get(old)


def _links(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return (shown.get("entities") or {}).get("urls") or []


def _full(links: list[dict[str, Any]]) -> dict[str, str]:
    return {each["url"]: each["expanded_url"] for each in links if each.get("expanded_url")}


def _own_media(links: list[dict[str, Any]], x_id: str) -> set[str]:
    """The links that X put in for the post's own media, not those that somebody wrote to another's."""
    return _media(links, re.compile(rf"/status/{x_id}/(photo|video)/\d+$"))


def _media(links: list[dict[str, Any]], own: re.Pattern[str]) -> set[str]:
    return {each["url"] for each in links if each.get("media_key") or own.search(each.get("expanded_url") or "")}
