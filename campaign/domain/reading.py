"""When a reading of followers ends."""

from models import SyncMode


def is_complete(mode: SyncMode, next_token: str | None, new: int) -> bool:
    """Whether this page was the last one: the list ends here or, in incremental mode, the page brought nobody new."""
    return next_token is None or (mode is SyncMode.INCREMENTAL and new == 0)
