"""From the options of `campaign delivery create` and `edit` to the names of links, and whether their clicks count."""

from collections.abc import Mapping, Sequence
from typing import Any

from campaign.domain.content import NamedLink
from campaign.errors import WrongUsage

_OF_EACH = {"link_label": "label", "link_category": "category"}


def revised_links(known: Sequence[NamedLink], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The links that have a name or are not counted; an empty address takes away. Raises WrongUsage in one sentence."""
    links = {one.url: one.model_dump() for one in known}
    if "link" in given:
        links = {url: link for url, link in links.items() if not link["tracked"]}
        links |= {url: {"url": url} | links.get(url, {}) for url in given["link"] if url}
    named = [url for url in given["link"] if url] if "link" in given else list(links)
    for option, field in _OF_EACH.items():
        for url, value in zip(named, _values(option, named, given), strict=False):
            links[url][field] = value
    return _counted(links, given)


def _values(option: str, named: Sequence[str], given: Mapping[str, Any]) -> list[str]:
    values = list(given.get(option, []))
    if values and len(values) != len(named):
        written = f"--{option.replace('_', '-')}"
        raise WrongUsage(
            f"There are {len(named)} links and {len(values)} values; give one {written} for each --link, in order."
        )
    return values


def _counted(links: dict[str, dict[str, Any]], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "link_untracked" in given:
        untracked = [url for url in given["link_untracked"] if url]
        links |= {url: links.get(url, {"url": url}) for url in untracked}
        links = {url: link | {"tracked": url not in untracked} for url, link in links.items()}
    # What has no name and is counted, as every link is, need not be remembered.
    return [
        link for link in links.values() if link.get("label") or link.get("category") or not link.get("tracked", True)
    ]
