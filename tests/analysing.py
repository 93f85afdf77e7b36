"""What analyses are made of, one maker per kind of thing, and the analysis of it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from campaign.deliveries.draft import Content, Draft, FileProblem, LoadedFile, MediaItem, Part, RenderedPart, Target
from campaign.posts.analysis import Analysis, analyse
from campaign.posts.prepare import render_parts
from campaign.x.types import MediaKind
from tests.factories import NOW

_OF_CONTENT = ("reply_settings", "paid_partnership", "made_with_ai")
PNG = MediaItem(source="a.png", alt_text="A fox")


def target(internal_name: str = "acme", service_id: int = 1, **changes: Any) -> Target:
    defaults: dict[str, Any] = {
        "label": internal_name.title(),
        "name": internal_name.title(),
        "longest_post": 280,
        "blocked_because": "",
        "protected": False,
        "left": Decimal(50),
        "fields": (("label", internal_name.title()), ("name", "")),
    }
    return Target(service_id=service_id, internal_name=internal_name, **{**defaults, **changes})


PROOF = target("proofs", 9, protected=True)


def loaded(source: str = "a.png", **changes: Any) -> LoadedFile:
    defaults: dict[str, Any] = {
        "path": f"/home/{source}",
        "sha256": source,
        "size": 2_500_000,
        "media_type": "image/png",
        "kind": MediaKind.IMAGE,
        "alt_text": "",
    }
    return LoadedFile(source=source, **{**defaults, **changes})


def draft(*parts: str | Part, **changes: Any) -> Draft:
    made = [Part(text=part) if isinstance(part, str) else part for part in parts]
    content = {"parts": made, **{name: changes.pop(name) for name in _OF_CONTENT if name in changes}}
    # A draft that came from elsewhere may be one that the form does not allow.
    return Draft.model_construct(**{**dict(Draft()), "content": Content().model_copy(update=content), **changes})


def analysed(
    described: Draft,
    *targets: Target,
    files: Mapping[str, LoadedFile | FileProblem] | None = None,
    proof: Target | None = PROOF,
    proofs_sent: int = 1,
) -> tuple[Analysis, list[RenderedPart]]:
    chosen: Sequence[Target] = targets or [target()]
    placed, remarks = render_parts(described, chosen, files or {})
    analysis = analyse(described, chosen, files or {}, placed, remarks, proof=proof, proofs_sent=proofs_sent, now=NOW)
    return analysis, [one.rendered for one in placed]


def sentences(analysis: Analysis) -> dict[str, str]:
    """What was found that is more than good to know: the sentences of each code."""
    said: dict[str, str] = {}
    for finding in (*analysis.errors, *analysis.warnings):
        said[finding.code] = " ".join(filter(None, [said.get(finding.code), finding.sentence]))
    return said


def facts(analysis: Analysis) -> list[str]:
    """What is good to know."""
    return [finding.sentence for finding in analysis.findings if finding.level == "info"]
