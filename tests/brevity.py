"""Whether this is a short run of the suite, as every change has on machines of any speed."""

import os

IS_SHORT = os.environ.get("CI") == "true"


def share_of(how_many: int) -> int:
    """How many of so many repetitions there are: a twentieth of them where it has to be short."""
    return how_many // 20 if IS_SHORT else how_many
