"""What a person should know of the links of a delivery: whether their clicks are counted. Pure."""

from collections.abc import Iterator, Sequence

from campaign.domain.drafts import Draft
from campaign.domain.findings import Finding, info, warning
from campaign.domain.links import countable, personal


def link_findings(draft: Draft, texts: Sequence[str], public_url: str) -> Iterator[Finding]:
    """Which clicks are not counted, and why; `texts` are those that go out, or what they are personalised from."""
    yield from _unknown(draft)
    if any(countable(text, draft.content.links, public_url) for text in texts):
        yield from _uncounted(draft, public_url)
    if draft.tracking and public_url:
        beginnings = list(dict.fromkeys(url for text in texts for url in personal(text, public_url)))
        if beginnings:
            yield info(
                "personal_link",
                f"Clicks on {_listed(beginnings)} are not counted: the address has fields of the person in it. Take"
                " them out to count its clicks.",
            )


def _uncounted(draft: Draft, public_url: str) -> Iterator[Finding]:
    if not draft.tracking:
        yield info("not_tracked", "Clicks on its links are not counted: tracking is off.")
    elif not public_url:
        yield info(
            "no_public_url",
            "Clicks on its links are not counted: set CAMPAIGN_PUBLIC_URL to the address at which the world sees"
            " `campaign web`.",
        )


def _unknown(draft: Draft) -> Iterator[Finding]:
    named = (one.url for one in draft.content.links)
    missing = [url for url in named if not any(url in part.text for part in draft.content.parts)]
    if missing:
        yield warning(
            "link_not_in_text",
            f"The text has no link {_listed(missing)}: write it among the links as it is in the text, or remove it.",
        )


def _listed(urls: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(urls[:-1]), *urls[-1:]]))
