"""When a reading of followers ends."""

from models import SyncMode


def is_complete(mode: SyncMode, next_token: str | None, people: int, newcomers: int) -> bool:
    """Whether this page was the last one: the list ends here or, in incremental mode, nobody on the page is new.

    A page without anybody proves nothing: X leaves suspended people out.
    """
    return next_token is None or (mode is SyncMode.INCREMENTAL and people > 0 and newcomers == 0)
