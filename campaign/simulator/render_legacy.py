"""Messages and posts as X writes them in v1.1: with `full_text`, or with at most 140 characters of `text`."""

from typing import Any

from campaign.simulator.media import Kind, Media
from campaign.simulator.messages import Message
from campaign.simulator.posts import Post
from campaign.simulator.render import legacy
from campaign.simulator.render_posts import CUT_AT
from campaign.simulator.wording import Link, as_shown, cut
from campaign.simulator.world import World


def event(message: Message) -> dict[str, Any]:
    """Returns the message; ids are texts here."""
    created = {
        "target": {"recipient_id": message.recipient_id},
        "sender_id": message.sender_id,
        "message_data": _data(message),
    }
    moment = str(int(message.created * 1000))
    return {"type": "message_create", "id": message.id, "created_timestamp": moment, "message_create": created}


def _data(message: Message) -> dict[str, Any]:
    shown = message.shown
    urls = [entity(link) for link in shown.links]
    found = {"hashtags": [], "symbols": [], "user_mentions": [], "urls": urls}
    attached = {"attachment": _attachment(message.media, shown.links[-1])} if message.media else {}
    return {"text": shown.text, "entities": found, **attached, **message.draft.extras}


def _attachment(media: Media, link: Link) -> dict[str, Any]:
    names = {"id": int(media.id), "id_str": media.id, "type": TYPES[media.kind]}
    return {"type": "media", "media": names | entity(link)}


COMPATIBLE = 140
TYPES = {Kind.PHOTO: "photo", Kind.GIF: "animated_gif", Kind.VIDEO: "video"}


def status(world: World, post: Post, *, extended: bool) -> dict[str, Any]:
    """Returns the post; `id` is a number here."""
    whole = as_shown(post.written, post.media_links)
    short = post.is_long if extended else len(whole.text) > COMPATIBLE
    shown = cut(whole, CUT_AT if extended else COMPATIBLE, post.whole) if short else whole
    urls = [entity(link) for link in shown.links if link.media_key is None]
    placed = {link.media_key: link for link in shown.links if link.media_key}
    media = [_media(file, placed[file.key]) for file in post.media if file.key in placed]
    return {
        "created_at": f"{post.created_at:%a %b %d %H:%M:%S +0000 %Y}",
        "id": int(post.id),
        "id_str": post.id,
        "full_text" if extended else "text": shown.text,
        "truncated": short,
        "entities": {"urls": urls} | ({"media": media[:1]} if media else {}),
        **({"extended_entities": {"media": media}} if media else {}),
        **_reply(world, post),
        "user": legacy(world.user(post.author)),
        "is_quote_status": False,
        "retweet_count": post.counts["reposts"],
        "favorite_count": post.counts["likes"],
        "lang": "und",
    }


def _reply(world: World, post: Post) -> dict[str, Any]:
    """Returns what the post answers, which is always its author's own; null in every field when it answers nothing."""
    parent, author = post.draft.reply_to, world.user(post.author)
    return {
        "in_reply_to_status_id": int(parent) if parent else None,
        "in_reply_to_status_id_str": parent,
        "in_reply_to_user_id": int(author.id) if parent else None,
        "in_reply_to_user_id_str": author.id if parent else None,
        "in_reply_to_screen_name": author.username if parent else None,
    }


def entity(link: Link) -> dict[str, Any]:
    """Returns a link of a text as v1.1 lists it."""
    return {
        "url": link.url,
        "expanded_url": link.expanded,
        "display_url": link.display,
        "indices": [link.start, link.end],
    }


def _media(media: Media, link: Link) -> dict[str, Any]:
    names = {"id": int(media.id), "id_str": media.id, "media_key": media.key, "type": TYPES[media.kind]}
    described = {"ext_alt_text": media.alt_text} if media.alt_text else {}
    return names | entity(link) | described
