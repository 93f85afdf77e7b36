"""Bad input to `campaign delivery` about broadcasts: one clear sentence, exit status 2, nothing on standard output."""

import pytest

from tests.command import here
from tests.simulated_x import Connect

DM = ["create", "--kind", "dm", "--service", "acme", "--text", "Hello"]
BAD: list[tuple[list[str], str]] = [
    ([*DM, "--poll", "Yes"], "A direct message has no poll"),
    ([*DM, "--poll-minutes", "60"], "A direct message has no poll"),
    ([*DM, "--part", "More"], "--part makes a thread of posts"),
    ([*DM, "--reply-settings", "following"], "A direct message does not say who may answer"),
    ([*DM, "--paid-partnership"], "X marks only posts as advertising"),
    ([*DM, "--made-with-ai"], "X marks only posts as made with AI"),
    ([*DM, "--media", "a.png", "--media", "b.png"], "A direct message takes one file"),
    ([*DM, "--media", "2:a.png"], "--media names part 2, and there are 1"),
    ([*DM, "--proof", "a b"], "'a b' is not a handle on X"),
    ([*DM, "--where", "follwers_count > 5"], "Invalid field 'follwers_count' at character 1"),
    ([*DM, "--where", " "], "The condition is empty"),
    ([*DM, "--except-where", "verified and"], "Incomplete condition after 'and' at character 10"),
    ([*DM, "--list", "/nowhere.csv"], "/nowhere.csv cannot be read (No such file or directory)"),
    ([*DM, "--recipients-of", "none"], "There is no delivery 'none'"),
    ([*DM, "--not-if-received", "none"], "There is no delivery 'none'"),
    ([*DM, "--limit-to", "0"], "--limit-to '0' cannot be used"),
    ([*DM, "--limit-to", "many"], "--limit-to 'many' cannot be used"),
    ([*DM, "--priority", "urgent"], "'--priority'"),
    ([*DM, "--wave-size", "500"], "Give with --wave-every"),
    ([*DM, "--wave-every", "1d"], "Waves of one size need both"),
    ([*DM, "--wave-size", "0", "--wave-every", "1d"], "Invalid wave size '0'"),
    ([*DM, "--wave-size", "101%", "--wave-every", "1d"], "Invalid wave size '101%'"),
    ([*DM, "--wave-size", "5", "--wave-every", "day"], "Invalid length of time 'day'"),
    ([*DM, "--wave-size", "5", "--wave-every", "0m"], "Give with --wave-every"),
    ([*DM, "--wave-size", "5", "--wave-every", "61d"], "'61d' is longer than the 60 days"),
    ([*DM, "--wave", "1d:5", "--wave-size", "5"], "Give waves of one size"),
    ([*DM, "--wave", "1d"], "Invalid wave '1d'"),
    ([*DM, "--wave", "1d:x"], "Invalid wave size 'x'"),
    ([*DM, "--wave", "soon:5"], "Invalid length of time 'soon'"),
    ([*DM, *(word for _ in range(101) for word in ("--wave", "1d:1"))], "--wave cannot be used"),
    ([*DM, "--template", "twitter"], "The template twitter is for deliveries of the kind post."),
    (["create", "--kind", "dm", "--service", "acme"], "The text is missing; write it with --text."),
    (["create", "--kind", "dm", "--text", "Hello"], "The account is missing; name it with --service."),
    *(
        (
            ["create", "--kind", "post", "--service", "acme", "--text", "Hello", *words.split()],
            f"{option} is for direct",
        )
        for option, words in (
            ("--where", "--where verified"),
            ("--except-where", "--except-where verified"),
            ("--list", "--list people.csv"),
            ("--recipients-of", "--recipients-of x"),
            ("--not-if-received", "--not-if-received x"),
            ("--limit-to", "--limit-to 5"),
            ("--priority", "--priority high"),
            ("--wave-size", "--wave-size 5"),
            ("--wave-every", "--wave-every 1d"),
            ("--wave", "--wave 1d:5"),
        )
    ),
    (["create", "--kind", "post", "--text", "Hi", "--proof", "a", "--proof", "b"], "The proofs of a post go to one"),
    (["log", "none", "--csv", "--json"], "Choose --csv or --json"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD, ids=lambda value: str(value)[:60])
@pytest.mark.usefixtures("sqlite_database")
def test_an_error_is_one_sentence(words: list[str], sentence: str) -> None:
    done = here("delivery", *words)
    assert (done.status, done.out) == (2, "")
    assert sentence in done.sentence


def test_options_of_a_broadcast_are_refused_for_a_post(connect: Connect) -> None:
    connect("acme")
    post = str(here("delivery", "create", "--service", "acme", "--text", "Hello", "--json").document["name"])
    for words, sentence in (
        (("preview", post, "--as", "ann"), "--as is for broadcasts"),
        (("proof", post, "--as", "ann"), "--as is for broadcasts"),
        (("confirm", post, "--accept-unconsented"), "leave out --accept-unconsented"),
        (("settle", post, "--not-sent", "--to", "ann"), "leave out --to"),
        (("edit", post, "--kind", "dm", "--where", "verified"), f"The kind of {post} is post and cannot be changed"),
        ((*DM, "--recipients-of", post), f"{post} is a post, which has no recipients"),
    ):
        done = here("delivery", *words)
        assert (done.status, done.out) == (2, "")
        assert sentence in done.sentence
