"""A simulated X, shared by the tests of a file."""

from collections.abc import Iterator

import pytest

from campaign.simulator.server import running


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running() as url:
        yield url
