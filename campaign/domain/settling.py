"""What a look at X proves of a post whose answer was lost."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.domain.posts import OwnPost
from campaign.domain.same_text import is_same_text

#: X's clock and ours may differ by as much; what was posted that little before an attempt may still be its doing.
CLOCK_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The attempts to publish one text: as an answer to which post, and when the first and the last was committed."""

    text: str
    reply_to: str | None
    first_armed_at: datetime
    armed_at: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """The account's own posts as X showed them at `at`; `is_complete` says that none since the attempt is left out."""

    posts: Sequence[OwnPost]
    at: datetime
    is_complete: bool


def since_of(attempt: Attempt) -> datetime:
    """From which moment on X is looked at: what an earlier attempt published may have been shown late."""
    return attempt.first_armed_at - CLOCK_SKEW


def found_in(look: Look, attempt: Attempt, owned: Collection[str]) -> str | None:
    """The X id of what an attempt published: the oldest post that fits and that no other message owns."""
    fitting = [
        post
        for post in look.posts
        if post.x_id not in owned
        and post.created_at >= since_of(attempt)
        and post.reply_to == attempt.reply_to
        and is_same_text(attempt.text, post.text)
    ]
    return min(fitting, key=lambda post: post.created_at).x_id if fitting else None


def is_proof_of_absence(look: Look, attempt: Attempt, settle: timedelta) -> bool:
    """Whether what the look does not show was not published: X may show a post late."""
    return look.is_complete and look.at >= attempt.armed_at + settle
