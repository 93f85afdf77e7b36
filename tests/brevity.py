"""How much of the suite is run: where CI=true, as for every change and on machines of any speed, it is short."""

import os

IS_CI = os.environ.get("CI") == "true"


def share_of(how_many: int) -> int:
    """How many of so many repetitions there are: a twentieth of them where it has to be short."""
    return how_many // 20 if IS_CI else how_many
