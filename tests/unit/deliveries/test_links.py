"""Which links of a text are counted, and the text with short ones in their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.draft import NamedLink
from campaign.deliveries.findings import Level, link_findings
from campaign.deliveries.links import countable, destination_of, restore_links, shortened
from campaign.x.text import ORDINARY_POST, is_same_text, links, weigh
from tests.analysing import draft

OURS = "https://s.example.com"
SHORT = f"{OURS}/r/abcDEF123456"


def found(text: str, *named: NamedLink, **service: str) -> list[str]:
    return list(countable(text, named, OURS, service))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No link at all. None.", []),
        ("See https://shop.example.com/sale?a=1&b=2.", ["https://shop.example.com/sale?a=1&b=2"]),
        ("See (shop.example.com/sale), or write to me@shop.example.com", ["shop.example.com/sale"]),
        ("Twice shop.example.com and shop.example.com", ["shop.example.com"]),
        ("Two: https://a.example.com/x https://b.example.com", ["https://a.example.com/x", "https://b.example.com"]),
        ("見てhttps://shop.example.com/xです", ["https://shop.example.com/x"]),
        ("{% if visitor.verified %}https://a.example.com{% else %}https://b.example.com{% endif %}",
         ["https://a.example.com", "https://b.example.com"]),
    ],
)  # fmt: skip
def test_links_are_those_that_x_makes_links_of(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "url", ["https://x.com/acme/status/1", "twitter.com/acme", "https://t.co/Ab1", f"{OURS}/join/a"]
)
def test_links_to_x_and_to_us_stay(url: str) -> None:
    assert found(f"Look: {url}") == []


def test_a_link_that_is_another_one_for_each_person_stays() -> None:
    assert found("https://a.example.com/?u={{ visitor.username }} and https://b.example.com") == [
        "https://b.example.com"
    ]


def test_a_link_with_fields_of_the_service_is_the_same_for_all() -> None:
    named = NamedLink(url="https://a.example.com/{{ service.label }}", label="Shop", category="sale")
    chosen = countable("See https://a.example.com/{{ service.label }}", [named], OURS, {"label": "Acme"})
    assert [(url, one.label) for url, one in chosen.items()] == [("https://a.example.com/Acme", "Shop")]


def test_a_link_that_is_not_to_be_tracked_stays() -> None:
    assert found("https://a.example.com b.example.com", NamedLink(url="b.example.com", tracked=False)) == [
        "https://a.example.com"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "See https://shop.example.com/a/long/way?to=go and shop.example.com.",
        "shop.example.com/ß(x) 見てhttps://shop.example.com/xです",
        f"{'a' * (ORDINARY_POST - 24)} https://shop.example.com/{'x' * 100}",
    ],
)
def test_a_post_weighs_no_more_with_short_links_than_as_it_was_written(text: str) -> None:
    short = shortened(text, dict.fromkeys(found(text), SHORT))
    assert SHORT in short
    assert weigh(short) == weigh(text)


@given(
    st.text("です ,.a(x", max_size=3),
    st.sampled_from(["https://a.example.com/x", "b.example.com"]),
    st.text("です ,.)'"),
)
def test_what_went_out_is_known_as_it_was_written(before: str, url: str, after: str) -> None:
    text = f"https://kept.example.com{before}{url}{after}"
    tokens = {one: f"{number:012}" for number, one in enumerate(found(text)[::-1][:1])}
    short = shortened(text, {one: f"{OURS}/r/{token}" for one, token in tokens.items()})
    assert restore_links(short, {token: one for one, token in tokens.items()}) == text


@given(
    st.lists(
        st.sampled_from(
            ["https://a.example.com/x", "b.example.com", "Hello", "https://c.example.com?q=1,2", "(", ")", "."]
        )
    )
)
def test_only_links_are_replaced_and_all_of_them(pieces: list[str]) -> None:
    text = " ".join(pieces)
    wanted = {url: f"{OURS}/r/{number:012}" for number, url in enumerate(found(text))}
    short = shortened(text, wanted)
    assert [span.text for span in links(short)] == [wanted[span.text] for span in links(text)]
    back = shortened(short, {address: url for url, address in wanted.items()})
    assert back == text


def test_tokens_that_differ_in_case_are_different_texts_on_x() -> None:
    assert is_same_text(f"Look {SHORT}", f"Look {SHORT}")
    assert not is_same_text(f"Look {SHORT}", f"Look {SHORT.replace('abc', 'Abc')}")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("shop.example.com/x", "http://shop.example.com/x"),
        ("HTTPS://shop.example.com", "HTTPS://shop.example.com"),
        ("https://München.example.com/ä", "https://xn--mnchen-3ya.example.com/ä"),
        ("https://faß.de/angebot", "https://xn--fa-hia.de/angebot"),
        ("βόλος.com", "http://xn--nxasmm1c.com"),
        ("https://ana@faß.de:8080/faß", "https://ana@xn--fa-hia.de:8080/faß"),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
        ("https://bu\u0308cher.example", "https://xn--bcher-kva.example"),
        ("https://i❤.ws/a", "https://xn--i-7iq.ws/a"),
        ("javascript:alert(1)", "http://javascript:alert(1)"),
        ("//evil.example.com", "http:////evil.example.com"),
    ],
)
def test_a_link_leads_to_a_web_address_whatever_is_written(url: str, target: str) -> None:
    assert destination_of(url) == target


def codes(text: str, public_url: str = OURS, **changes: object) -> list[str]:
    described = draft(text, **changes)
    return [one.code for one in link_findings(described, [text], public_url)]


def test_the_analysis_says_when_clicks_are_not_counted_and_only_then() -> None:
    assert codes("See shop.example.com") == []
    assert codes("See shop.example.com", public_url="") == ["no_public_url"]
    assert codes("See shop.example.com", tracking=False) == ["not_tracked"]
    assert codes("No link", public_url="") == codes("No link", tracking=False) == []
    assert codes("https://a.example.com/{{ visitor.username }}") == ["personal_link"]
    assert codes("https://a.example.com/{{ service.label }}") == []


@pytest.mark.parametrize(
    ("text", "url", "letter", "instead"),
    [
        ("https://example.com/?utm_campaign=frühling", "https://example.com/?utm_campaign=fr", "ü", "%C3%BC"),
        ("https://example.com/?a=fru\u0308h now", "https://example.com/?a=fr", "ü", "%C3%BC"),
        ("Now https://example.com/?a=x~é.", "https://example.com/?a=x", "é", "%C3%A9"),
        ("https://example.com/a日本", "https://example.com/a", "日", "%E6%97%A5"),
        ("example.com/?q=привет", "example.com/?q=", "п", "%D0%BF"),
        ("https://example.com/?q=🎉x", "https://example.com/?q=", "🎉", "%F0%9F%8E%89"),
        ("https://example.com/?q={x}", "https://example.com/?q=", "{", "%7B"),
        ("https://example.com/a?ö=1", "https://example.com/a", "ö", "%C3%B6"),
        ("https://example.com/a^b", "https://example.com/a", "^", "%5E"),
    ],
)
def test_a_link_that_ends_early_is_warned_of(text: str, url: str, letter: str, instead: str) -> None:
    [found] = [one for one in link_findings(draft(text), [text], OURS) if one.code == "link_cut"]
    assert found.level is Level.WARNING
    assert f"The link {url} ends before '{letter}'" in found.sentence
    assert f"write {instead} instead" in found.sentence


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/über",
        "https://example.com/?utm_campaign=fr%C3%BChling",
        "example.comをご覧",
        "https://example.com/a 日本",
        "https://example.com/a, über",
        "https://example.com/a“ und",
        "{# https://example.com/?a=ü #}Hello",
        "https://example.com/a? über",
        "https://example.com/a 🎉",
        "`https://example.com/a`",
    ],
)
def test_a_whole_link_is_not_warned_of(text: str) -> None:
    assert "link_cut" not in codes(text)
