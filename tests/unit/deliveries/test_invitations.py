"""What an invitation has to have before it goes out: its link, where the world sees it; and what nothing else has."""

import pytest

from campaign.deliveries.approval import fingerprint
from campaign.deliveries.draft import Target
from campaign.deliveries.templating import BroadcastText, MessageText, UnknownField, Values, render
from models import OPT_OUT_LINE, PLAIN_OPT_OUT_LINE
from tests import analysing
from tests.analysing import draft, target

LINK = "https://social.example.com/join/acme?i=signed"
INVITING = target(join_link=LINK)


def link_of(person: Values) -> str:
    return f"{LINK}{person.get('visitor_id')}"


def text_of(text: str) -> MessageText:
    return MessageText(text, {"label": "Acme"}, join_link=link_of)


def test_all_people_gets_a_link_of_their_own() -> None:
    text = text_of("Hello {{ visitor.username }}: {{ join_link }}")
    assert text.has_join_link
    assert text.visitor_fields == {"username"}
    assert text.render({"username": "ada", "visitor_id": "7"}) == f"Hello ada: {LINK}7"
    assert text.render({"username": "bob", "visitor_id": "8"}) == f"Hello bob: {LINK}8"


def test_a_text_without_the_link_is_known() -> None:
    assert not text_of("Hello").has_join_link
    assert not BroadcastText("Hello {{ service.label }}", {"label": "Acme"}, "STOP", {"stop"}).has_join_link


@pytest.mark.parametrize("text", ["{{ join_link }}", "{% if join_link %}a{% endif %}"])
def test_only_an_invitation_has_the_field(text: str) -> None:
    with pytest.raises(UnknownField, match="only an invitation has it"):
        MessageText(text, {"label": "Acme"})
    with pytest.raises(UnknownField, match="only an invitation has it"):
        render(text, {"service": {"label": "Acme"}})


@pytest.mark.parametrize("text", ["{{ join_link.a }}", "{{ join_link['a'] }}", "{{ service }}", "{{ visitor }}"])
def test_a_field_has_no_parts_and_a_name_with_fields_is_none(text: str) -> None:
    with pytest.raises(UnknownField):
        text_of(text)


def test_a_post_that_invites_shows_the_link_of_its_account() -> None:
    analysis, (part,) = analysing.analysed(draft("Come: {{ join_link }}", is_invitation=True), INVITING)
    assert not analysis.errors
    assert part.text == f"Come: {LINK}"


@pytest.mark.parametrize(
    ("text", "shown", "code"),
    [("Come!", INVITING, "no_join_link"), ("Come: {{ join_link }}", target(), "no_public_address")],
)
def test_a_post_that_invites_no_person_is_an_error(text: str, shown: Target, code: str) -> None:
    analysis, _ = analysing.analysed(draft(text, is_invitation=True), shown)
    assert [finding.code for finding in analysis.errors] == [code]


def test_the_link_elsewhere_is_an_error() -> None:
    analysis, _ = analysing.analysed(draft("Come: {{ join_link }}"), INVITING)
    assert [finding.code for finding in analysis.errors] == ["unknown_field"]
    assert "only an invitation has it" in analysis.errors[0].sentence


def test_a_yes_to_an_invitation_is_none_to_what_is_none() -> None:
    assert fingerprint(draft("Come"), []) != fingerprint(draft("Come", is_invitation=True), [])


def leaving(line: str, *, is_public: bool = True) -> str:
    text = BroadcastText(
        "Hello",
        {"label": "Acme"},
        line,
        {"stop"},
        leave_link=(lambda person: f"https://social.example.com/leave?p={person['visitor_id']}") if is_public else None,
    )
    return text.render({"visitor_id": "7"})


def test_the_opt_out_line_has_the_recipients_own_link_to_leave() -> None:
    said = leaving(OPT_OUT_LINE)
    assert said == "Hello\n\nReply STOP or open https://social.example.com/leave?p=7 to stop these messages."
    assert leaving("Leave: {{leave_link}}").endswith("Leave: https://social.example.com/leave?p=7")
    assert leaving("Reply STOP.") == "Hello\n\nReply STOP."


def test_without_a_public_address_the_line_names_no_link() -> None:
    for line in (OPT_OUT_LINE, "Leave: {{leave_link}}"):
        assert leaving(line, is_public=False) == f"Hello\n\n{PLAIN_OPT_OUT_LINE}"
