"""GET /2/users/:id/tweets and GET /2/tweets: docs.x.com/x-api/posts/timelines, docs.x.com/x-api/posts/lookup."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import orjson

from campaign.simulator.accounts import Priced
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.posts import Post
from campaign.simulator.problems import field_unauthorized, invalid, not_found, unauthorized
from campaign.simulator.render_posts import ALWAYS, EXPANDED, EXPANSIONS, EXPANSIONS_NOW, FIELDS, PostView, new_spelling
from campaign.simulator.routes.asking import ID, chosen, known, require, several, split, view, whole_number
from campaign.simulator.routes.followers import hidden
from campaign.simulator.tokens import Cursor

MOST, LEAST, UNASKED = 100, 5, 10
SHOWING = ("tweet.fields", "post.fields", "expansions", "media.fields", "poll.fields", "user.fields", "place.fields")
BOUNDS = ("since_id", "until_id", "start_time", "end_time", "exclude")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")
TIMELINE = 1 << 62
"""Marks timelines in page tokens, beside the lists of followers."""
PRIVATE, PRIVATE_FOR = frozenset({"non_public_metrics"}), 30 * 86_400.0
"""Figures for the author alone, and the seconds for which X tells them."""
Test = Callable[[Post], bool]


def timeline(asked: Asked) -> Reply:
    """Answers with one page of a user's posts, the newest first."""
    known(asked, "id", "max_results", "pagination_token", *BOUNDS, *SHOWING)
    require("id", asked.given["id"], ID)
    posts_view, size = _view(asked), whole_number(asked, "max_results", UNASKED, MOST, LEAST)
    problem, tests = hidden(asked), list(_tests(asked))
    user = asked.world.people.with_id(asked.given["id"])
    if problem is not None or user is None:
        return Reply(orjson.dumps({"errors": [problem]}))
    now = time.time()
    wanted = asked.world.posts.timeline(user.number, now)
    if PRIVATE & posts_view.fields and user.number != asked.account.number:
        return Reply(orjson.dumps({"errors": [_kept_back(asked, post) for post in wanted]}))
    if PRIVATE & posts_view.fields:
        tests.append(lambda post: not _is_kept_back(asked, posts_view, post, now))
    posts = [post for post in wanted if all(test(post) for test in tests)]
    page, tokens = _page(asked, posts, user.number, size)
    owned = user.number == asked.account.number and asked.account.owns_app
    priced = Priced.POSTS_OWNED if owned else Priced.POSTS_NOT_OWNED
    ends = {"newest_id": page[0].id, "oldest_id": page[-1].id} if page else {}
    data = {"data": [posts_view.show(post) for post in page]} if page else {}
    included, expanded = posts_view.expand(page, now)
    body = data | included | {"meta": {"result_count": len(page)} | ends | tokens}
    return Reply(orjson.dumps(body), len(page), priced, expanded=expanded)


def lookup(asked: Asked) -> Reply:
    """Answers with up to 100 posts by their ids, the missing ones under `errors`. It is never an owned read."""
    known(asked, "ids", *SHOWING)
    posts_view, now = _view(asked), time.time()
    found, errors = list[Post](), []
    for post_id in several(asked, "ids", ID):
        post = asked.world.posts.shown(post_id, now)
        if post is None:
            errors.append(not_found("ids", post_id, asked.world.post_word))
        elif asked.world.user(post.author).protected and post.author != asked.account.number:
            errors.append(unauthorized("ids", post_id, asked.world.post_word))
        elif _is_kept_back(asked, posts_view, post, now):
            errors.append(_kept_back(asked, post))
        else:
            found.append(post)
    included, expanded = posts_view.expand(found, now)
    parts = {"data": [posts_view.show(post) for post in found], "errors": errors}
    body = {part: entries for part, entries in parts.items() if entries} | included
    return Reply(orjson.dumps(body), len(found), Priced.POSTS_NOT_OWNED, expanded=expanded)


def _is_kept_back(asked: Asked, shown: PostView, post: Post, now: float) -> bool:
    """Returns whether X does not show a post for the sake of the figures asked for (docs.x.com: metrics, timelines)."""
    is_open = post.author == asked.account.number and post.created > now - PRIVATE_FOR
    return bool(PRIVATE & shown.fields) and not is_open


def _kept_back(asked: Asked, post: Post) -> dict[str, str]:
    return field_unauthorized("non_public_metrics.impression_count", post.id, asked.world.post_word)


def _view(asked: Asked) -> PostView:
    """Returns how posts are to be shown: by both vocabularies, or by the one that X knows at the moment."""
    vocabularies = {
        "tweet": {field: field for field in FIELDS},
        "post": {
            new_spelling(field): field
            for field in (FIELDS if asked.world.expansions_as_fields else FIELDS - EXPANSIONS_NOW)
        },
    }
    if asked.world.only:
        del vocabularies[asked.world.other_word]
    fields = set(ALWAYS)
    for word, names in vocabularies.items():
        fields |= {names[name] for name in chosen(asked, f"{word}.fields", names)}
    expansions = {EXPANDED[name] for name in chosen(asked, "expansions", EXPANSIONS) if name in EXPANDED}
    return PostView(asked.world, frozenset(fields | expansions), frozenset(expansions), view(asked))


def _tests(asked: Asked) -> Iterator[Test]:
    """Yields what a post has to fulfil."""
    tests: dict[str, Callable[[Any], Test]] = {
        "since_id": lambda bound: lambda post: int(post.id) > bound,
        "until_id": lambda bound: lambda post: int(post.id) < bound,
        "start_time": lambda bound: lambda post: post.created >= bound,
        "end_time": lambda bound: lambda post: post.created < bound,
    }
    for parameter, test in tests.items():
        if parameter in asked.given:
            yield test(_bound(parameter, asked.given[parameter]))
    excluded = split(asked.given.get("exclude", ""))
    for kind in excluded:
        require("exclude", kind, re.compile("replies|retweets|reposts"))
    if "replies" in excluded:
        yield lambda post: post.draft.reply_to is None


def _bound(parameter: str, value: str) -> float:
    if parameter.endswith("_id"):
        require(parameter, value, ID)
        return int(value)
    require(parameter, value, MOMENT)
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError:
        raise invalid(parameter, value, "is not a valid time") from None


def _page(asked: Asked, posts: list[Post], author: int, size: int) -> tuple[list[Post], dict[str, str]]:
    """Returns the posts next to the place that the token holds, and the tokens of the pages before and after."""
    owner, tokens, given = author | TIMELINE, asked.world.tokens, asked.given.get("pagination_token")
    cursor = Cursor(1 << 63) if given is None else tokens.open(owner, given)
    if cursor is None:
        raise invalid("pagination_token", str(given), "is not valid")
    older = [post for post in posts if int(post.id) < cursor.position]
    newer = [post for post in posts if int(post.id) > cursor.position]
    page = newer[-size:] if cursor.upwards else older[:size]
    meta = {}
    if page and page[-1] is not posts[-1]:
        meta["next_token"] = tokens.seal(owner, Cursor(int(page[-1].id)))
    if page and page[0] is not posts[0]:
        meta["previous_token"] = tokens.seal(owner, Cursor(int(page[0].id), upwards=True))
    return page, meta


ENDPOINTS = (
    Endpoint("timeline", "/2/users/{id}/tweets", 900, timeline),
    Endpoint("posts/lookup", "/2/tweets", 5_000, lookup),
)
