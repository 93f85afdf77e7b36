"""The words that every preview of a post has in common."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from campaign.domain.posts import MediaKind, ReplySettings
from campaign.domain.preview import Found, PostView
from campaign.domain.rendered import LoadedFile

NO_ALT_TEXT = "No alternative text"
PAID_PARTNERSHIP = "Paid partnership"

_WHO_MAY_REPLY = {
    None: "Everyone can reply",
    ReplySettings.FOLLOWING: "Only accounts that @{} follows or mentions can reply",
    ReplySettings.MENTIONED: "Only accounts that @{} mentions can reply",
    ReplySettings.SUBSCRIBERS: "Only subscribers of @{} and accounts it mentions can reply",
    ReplySettings.VERIFIED: "Only verified accounts and those that @{} mentions can reply",
}
_KINDS = {MediaKind.IMAGE: "image", MediaKind.GIF: "GIF", MediaKind.VIDEO: "video"}
_LEVELS = {"error": ("Error", "Errors"), "warning": ("Warning", "Warnings"), "info": ("Note", "Notes")}


def length_of(view: PostView) -> str:
    """The length as X counts it, beside what the account may write: `123 of 280`."""
    return f"{view.weight:,} of {view.limit:,}"


def time_of(view: PostView) -> str:
    """When it goes out."""
    return f"{view.at:%A %d %B %Y, %H:%M %Z}" if view.at else "As soon as it is confirmed"


def who_may_reply(view: PostView) -> str:
    """X's line under a post; the parts after the first have one only where they say so themselves."""
    if view.part > 1 and view.reply_settings is None:
        return ""
    return _WHO_MAY_REPLY[view.reply_settings].format(view.handle)


def poll_ends(minutes: int) -> str:
    """How long a poll is open, in the largest unit that is not left empty: `1 day 3 hours left`."""
    left = timedelta(minutes=minutes)
    hours, rest = divmod(left.seconds // 60, 60)
    units = (("day", left.days), ("hour", hours), ("minute", rest))
    return " ".join(f"{count} {unit}{'s' * (count != 1)}" for unit, count in units if count) + " left"


def name_of(file: LoadedFile) -> str:
    """The file's name, without the folders or the address it came from."""
    return PurePosixPath(urlsplit(file.source).path if "://" in file.source else file.source).name or file.source


def facts_of(file: LoadedFile) -> str:
    """What the file is: an image, 1200 by 800, 85 kB."""
    measured = f" {file.width}\N{MULTIPLICATION SIGN}{file.height}" if file.width and file.height else ""
    return f"{_KINDS[file.kind]}{measured}, {_size(file.size)}"


def by_level(findings: Iterable[Found]) -> list[tuple[str, list[str]]]:
    """The sentences under the name of their level, errors first; a level without any is left out."""
    said: dict[str, list[str]] = {level: [] for level in _LEVELS}
    for finding in findings:
        said[str(finding.level)].append(finding.sentence)
    return [(_LEVELS[level][len(sentences) != 1], sentences) for level, sentences in said.items() if sentences]


def _size(count: int) -> str:
    kilobyte, megabyte = 1_000, 1_000_000
    return f"{count / megabyte:.1f} MB" if count >= megabyte else f"{max(1, round(count / kilobyte))} kB"
