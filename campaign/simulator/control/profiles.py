"""What users tell X of themselves, in the fields that v2 shows it in."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from campaign.simulator.control.command import Shape, Wrong
from campaign.simulator.persons import Profile
from campaign.simulator.wording import Link, read

TEXTS = ("description", "location", "profile_image_url", "confirmed_email", "lang")
PROFILE: Shape = {**dict.fromkeys(TEXTS, str), "url": str, "created_at": str, "public_metrics": dict[str, int]}
METRICS = ("following_count", "tweet_count", "listed_count", "like_count", "media_count")
FOLLOWERS = "followers_count"


def read_changes(described: dict[str, Any], before: Profile) -> dict[str, Any]:
    """Returns the changes of a user that this description means; what it does not name stays as it was."""
    changes = {field: value for field, value in described.items() if field not in PROFILE}
    profile: dict[str, Any] = {field: described[field] for field in TEXTS if field in described}
    if "url" in described:
        profile["site"] = _site(described["url"])
    if "created_at" in described:
        profile["created_at"] = _moment(described["created_at"])
    metrics = dict(described.get("public_metrics", {}))
    if FOLLOWERS in metrics:
        changes[FOLLOWERS] = metrics.pop(FOLLOWERS)
    if metrics:
        profile["metrics"] = tuple((dict(before.metrics) | _known(metrics)).items())
    return changes | ({"profile": replace(before, **profile)} if profile else {})


def _known(metrics: dict[str, int]) -> dict[str, int]:
    for name in metrics:
        if name not in METRICS:
            raise Wrong(f"{name!r} is none of {', '.join((FOLLOWERS, *METRICS))}.")
    return metrics


def _site(url: str) -> Link | None:
    """Returns the user's site behind a short link; an empty text takes it away."""
    links = read(url).links
    if url and (len(links) != 1 or links[0].end - links[0].start != len(url)):
        raise Wrong(f"'url' is an address such as https://example.com, not {url!r}.")
    return links[0] if url else None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Wrong(f"A moment is written like 2019-05-01T12:00:00Z, not {text!r}.") from None
    return moment.astimezone(UTC)
