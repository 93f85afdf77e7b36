from datetime import timedelta

from tests.analysing import sentences
from tests.broadcasting import analysed, broadcast, receiver, sample
from tests.factories import NOW

ONE, OTHER = sample(text="Good morning Ann, see our offers"), sample("beta", "Quite another matter altogether, Bob")


def test_services_that_share_an_app_share_what_x_allows_it() -> None:
    two = receiver(recipients=1_440, app="x"), receiver("beta", 2, 1_440, app="x")
    said = sentences(analysed(broadcast(), *two, samples=[ONE, OTHER]))["takes_long"]
    assert said.count("1,440 messages in 24 hours of all the services that share a developer app") == 2
    apart = receiver(recipients=1_440, app="x"), receiver("beta", 2, 1_440, app="y")
    assert sentences(analysed(broadcast(), *apart, samples=[ONE, OTHER])) == {}


def test_a_small_one_does_not_wait_for_a_large_one_of_the_same_app() -> None:
    two = receiver(recipients=5_000, app="x"), receiver("beta", 2, 100, app="x")
    waves = {wave.service: wave.ends_at - NOW for wave in analysed(broadcast(), *two).waves}
    assert waves["beta"] < timedelta(hours=2)
    assert timedelta(days=3.4) < waves["acme"] < timedelta(days=3.6)
