"""The posts of a delivery as a page that looks like X, in one file that asks nothing of any server."""

import re
from collections.abc import Sequence
from itertools import groupby
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined

from campaign.domain.preview import Mark, Piece, PostView, PreviewHead, pieces
from campaign.domain.preview_words import (
    NO_ALT_TEXT,
    PAID_PARTNERSHIP,
    by_level,
    length_of,
    poll_ends,
    time_of,
    who_may_reply,
)
from campaign.domain.spending import usd
from campaign.web.pictures import Album

_SHOWN_OF_LINK = 26
_SCHEME = re.compile(r"^https?://(www\.)?", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]")
COLOURS = 6
"""So many colours the circles with initials have."""
_NEARLY_FULL = 20

pages = Environment(
    loader=PackageLoader("campaign.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""What pages are made with: whatever comes in is only ever text there."""
pages.globals |= {"NO_ALT_TEXT": NO_ALT_TEXT, "PAID_PARTNERSHIP": PAID_PARTNERSHIP}


def render_page(head: PreviewHead, views: Sequence[PostView]) -> str:
    """Draw the page: the delivery, what was found, and the posts of one account after the other."""
    album = Album()
    accounts = [list(posts) for _, posts in groupby(views, key=lambda view: view.handle)]
    return pages.get_template("preview.html.jinja").render(
        head=head,
        cost=usd(head.cost),
        findings=by_level(head.findings),
        accounts=[[_post(view, album) for view in posts] for posts in accounts],
        count=len(views),
    )


def _post(view: PostView, album: Album) -> dict[str, object]:
    return {
        "view": view,
        "initials": _initials(view),
        "colour": crc32(view.handle.lower().encode()) % COLOURS,
        "pieces": [(piece, _as_shown(piece)) for piece in pieces(view.text)],
        "tiles": [album.tile(file, thumbnail) for file, thumbnail in view.pictured],
        "poll_ends": poll_ends(view.poll.minutes) if view.poll else "",
        "length": length_of(view),
        "full": min(100, 100 * view.weight // view.limit),
        "fullness": _fullness(view),
        "time": time_of(view),
        "who_may_reply": who_may_reply(view),
    }


def _initials(view: PostView) -> str:
    """The first letters of the first two words that have any; emoji are none."""
    letters = [found[0] for word in view.account_name.split() if (found := _WORD.search(word))]
    return "".join(letters[:2]).upper() or view.handle[:1].upper()


def _as_shown(piece: Piece) -> str:
    """X leaves out how a link begins, and its end when it is long."""
    if piece.mark is not Mark.LINK:
        return piece.text
    shown = _SCHEME.sub("", piece.text)
    return shown if len(shown) <= _SHOWN_OF_LINK else f"{shown[:_SHOWN_OF_LINK]}…"


def _fullness(view: PostView) -> str:
    if view.weight > view.limit:
        return "over"
    return "nearly" if view.weight > view.limit - _NEARLY_FULL else "fits"
