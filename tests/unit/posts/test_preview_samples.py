"""Posts to preview, one maker per kind of thing, and the texts that no preview may fall for."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from campaign.deliveries.draft import LoadedFile, RenderedPart, Target
from campaign.posts.documents import post_of, preview_of
from campaign.reporting.document import Document, Post
from campaign.x.types import MediaKind
from tests.factories import NOW

#: What somebody would write who wants a preview to do more than show it.
ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://example.com/x.png)",
    "[x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "](javascript:alert(1))",
    "[x]: javascript:alert(1)",
    '" onmouseover="alert(1)',
    'https://example.com/"><script>alert(1)</script>',
    "# Head",
    "    code",
    "```",
    "> quote",
    "1. one",
    "| a | b |\n|---|---|",
    "&lt;script&gt;",
    "a\\",
    "***",
    "{{ 7 * 7 }}",
    "\x1b[2J",
)
TEXTS = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=20) | st.sampled_from(["\n", " ", "@acme", "#tag"])).map(
    "".join
)


@dataclass(frozen=True, slots=True)
class Finding:
    level: str
    code: str
    sentence: str


def loaded(**changes: Any) -> LoadedFile:
    defaults: dict[str, Any] = {
        "source": "/srv/media/sun.jpg",
        "path": "/nowhere/sun.jpg",
        "sha256": "0" * 64,
        "size": 85_000,
        "media_type": "image/jpeg",
        "kind": MediaKind.IMAGE,
        "alt_text": "The sun over hills",
        "width": 1200,
        "height": 800,
    }
    return LoadedFile(**{**defaults, **changes})


def post(**changes: Any) -> Post:
    """A post of an account; `weight` and `limit` may be any, whatever the text is."""
    text, account = changes.pop("text", "Autumn is here"), changes.pop("handle", "acme")
    known = {name: changes.pop(name) for name in ("label", "weight", "limit") if name in changes}
    target = Target(1, account, "Acme", changes.pop("account_name", "Acme Coffee"), 280, "")
    options = {name: changes.pop(name) for name in ("parts", "thumbnails", "at") if name in changes}
    part = RenderedPart(1, changes.pop("part", 1), text, **changes)
    return replace(post_of(target, part, **{"parts": 1, "at": NOW, **options}), **{"weight": 14, **known})


def preview(*posts: Post, **changes: Any) -> Document:
    defaults: dict[str, Any] = {"label": "Autumn", "name": "post-2026-11-26-autumn", "cost": Decimal("0.200")}
    return preview_of(**{**defaults, **changes}, posts=posts)
