"""How many of our own files a job passes on its way: `python -m benchmarks journeys` shows which."""

from benchmarks import journeys


def test_a_message_a_post_a_follower_and_a_click_pass_few_files() -> None:
    lines = journeys.measure()
    assert len(lines) == 4
    assert [f"{line.what}: {line.measured:.0f} of {line.most}" for line in lines if not line.is_met] == []
