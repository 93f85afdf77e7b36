"""Posts as X writes them in v2: docs.x.com/x-api/fundamentals/data-dictionary, OpenAPI 2.167."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaign.simulator.accounts import Expanded, Priced
from campaign.simulator.posts import COUNTED, Post
from campaign.simulator.render import ALWAYS as ALWAYS_OF_USERS
from campaign.simulator.render import View
from campaign.simulator.wording import Link, Wording, as_shown, cut
from campaign.simulator.world import World

CUT_AT = 280
"""What `text` weighs at most when the post is long; `note_tweet` has all of it."""
RENAMED = {"edit_history_tweet_ids", "note_tweet", "referenced_tweets"}
ALWAYS = frozenset({"id", "text", "edit_history_tweet_ids"})
FIELDS = {
    *("article", "attachments", "author_id", "card_uri", "community_id", "context_annotations", "conversation_id"),
    *("created_at", "display_text_range", "edit_controls", "edit_history_tweet_ids", "entities", "geo", "id"),
    *("in_reply_to_user_id", "lang", "made_with_ai", "media_metadata", "non_public_metrics", "note_tweet"),
    *("organic_metrics", "paid_partnership", "possibly_sensitive", "promoted_metrics", "public_metrics"),
    *("referenced_tweets", "reply_settings", "scopes", "source", "suggested_source_links", "text", "withheld"),
}
"""What may be asked for, in the old spelling; what the simulator leaves empty is not in the answer."""


EXPANDED = {
    "author_id": "author_id",
    "referenced_posts": "referenced_tweets",
    "referenced_posts.id": "referenced_tweets",
    "referenced_tweets.id": "referenced_tweets",
}
"""The field (old spelling) that an expansion brings with it."""
EXPANSIONS_NOW = {"author_id", "referenced_tweets"}
"""Fields (old spelling) that are expansions only in the new vocabulary."""
EXPANSIONS = {
    *EXPANDED,
    *("article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet"),
    *("attachments.poll_ids", "edit_history_post_ids", "edit_history_tweet_ids", "entities.mentions.username"),
    *("geo.place_id", "in_reply_to_user_id", "entities.note.mentions.username", "referenced_posts.id.author_id"),
    *("referenced_tweets.id.author_id",),
}
"""What X knows as an expansion of posts; only those of `EXPANDED` are simulated."""


def new_spelling(field: str) -> str:
    """Returns the field as X has called it since August 2026."""
    return field.replace("tweet", "post") if field in RENAMED else field


def shown_text(post: Post) -> Wording:
    """Returns the text with its short links, as it is answered: cut when it is long."""
    shown = as_shown(post.written, post.media_links)
    return cut(shown, CUT_AT, post.whole) if post.is_long else shown


@dataclass(frozen=True, slots=True)
class PostView:
    """How posts are shown: the fields asked for (old spelling), in the world's spelling."""

    world: World
    fields: frozenset[str]
    expansions: frozenset[str] = frozenset()
    """Of `EXPANSIONS_NOW`, those whose users and posts are shown under `includes`."""
    users: View = field(default_factory=lambda: View(ALWAYS_OF_USERS))

    def show(self, post: Post) -> dict[str, Any]:
        """Returns the post; empty fields are left out, not null."""
        known = {name: write(self, post) for name, write in WRITTEN.items() if name in self.fields}
        new = self.world.post_word == "post"
        return {new_spelling(name) if new else name: value for name, value in known.items() if value is not None}

    def expand(self, posts: Sequence[Post], now: float) -> tuple[dict[str, Any], Expanded]:
        """Returns the `includes` of an answer with these posts, and the ids of what is billed with them."""
        included: dict[str, list[dict[str, Any]]] = {}
        expanded: Expanded = {}
        if "author_id" in self.expansions and posts:
            authors = [self.world.user(number) for number in dict.fromkeys(post.author for post in posts)]
            included["users"] = [self.users.show(author) for author in authors]
            expanded[Priced.USERS_EXPANDED] = [author.id for author in authors]
        if "referenced_tweets" in self.expansions:
            parents = (self.world.posts.shown(parent, now) for post in posts if (parent := post.draft.reply_to))
            referenced = {parent.id: parent for parent in parents if parent}
            if referenced:
                included[f"{self.world.post_word}s"] = [self.show(post) for post in referenced.values()]
                expanded[Priced.POSTS_EXPANDED] = list(referenced)
        return ({"includes": included} if included else {}), expanded

    def user_id(self, number: int) -> str:
        """Returns X's id of the user with this number."""
        return self.world.people.user(number).id

    def metrics(self, post: Post) -> dict[str, int]:
        """Returns the public figures."""
        word = "retweet" if self.world.post_word == "tweet" else "repost"
        counts = post.counts
        return {
            f"{word}_count": counts["reposts"],
            "reply_count": counts["replies"],
            "like_count": counts["likes"],
            "quote_count": counts["quotes"],
            "bookmark_count": counts["bookmarks"],
            "impression_count": counts["impressions"],
        }


def private_metrics(_: PostView, post: Post) -> dict[str, int]:
    """Returns what only the author may know of a post of the last 30 days; visits only where there is a link."""
    counts = post.counts
    visits = {"url_link_clicks": counts["link_visits"]} if post.has_link or counts["link_visits"] else {}
    reactions = sum(counts[name] for name in COUNTED if name != "impressions")
    return {
        "impression_count": counts["impressions"],
        "engagements": reactions,
        "user_profile_clicks": 0,
        **visits,
    }


def entities(links: tuple[Link, ...]) -> dict[str, Any] | None:
    """Returns the links of a text as v2 lists them."""
    return {"urls": [_entity(link) for link in links]} if links else None


def _entity(link: Link) -> dict[str, Any]:
    names = {"start": link.start, "end": link.end, "url": link.url, "expanded_url": link.expanded}
    key = {"media_key": link.media_key} if link.media_key else {}
    return names | {"display_url": link.display} | key


def _note(_: PostView, post: Post) -> dict[str, Any] | None:
    """Returns all of a text that was too long to be shown whole."""
    if not post.is_long:
        return None
    whole = as_shown(post.written)
    found = entities(whole.links)
    return {"text": whole.text} | ({"entities": found} if found else {})


def _attachments(_: PostView, post: Post) -> dict[str, Any] | None:
    keys = {"media_keys": [media.key for media in post.media]} if post.media else {}
    poll = {"poll_ids": [str(int(post.id) + 1)]} if post.draft.poll else {}
    return keys | poll or None


WRITTEN: dict[str, Callable[[PostView, Post], Any]] = {
    "id": lambda _, post: post.id,
    "text": lambda _, post: shown_text(post).text,
    "edit_history_tweet_ids": lambda _, post: [post.id],
    "attachments": _attachments,
    "author_id": lambda view, post: view.user_id(post.author),
    "conversation_id": lambda _, post: post.conversation_id,
    "created_at": lambda _, post: f"{post.created_at:%Y-%m-%dT%H:%M:%S}.000Z",
    "entities": lambda _, post: entities(shown_text(post).links),
    "in_reply_to_user_id": lambda view, post: view.user_id(post.author) if post.draft.reply_to else None,
    "made_with_ai": lambda _, post: post.draft.made_with_ai or None,
    "non_public_metrics": private_metrics,
    "note_tweet": _note,
    "paid_partnership": lambda _, post: post.draft.paid_partnership or None,
    "public_metrics": PostView.metrics,
    "referenced_tweets": lambda _, post: (
        [{"type": "replied_to", "id": post.draft.reply_to}] if post.draft.reply_to else None
    ),
    "reply_settings": lambda _, post: post.draft.reply_settings or "everyone",
}
