"""One person as `campaign contact show` tells of them."""

from typing import Any

from campaign.cli import output

#: What a profile says, in the order in which it is shown.
_PROFILE = (
    "external_id",
    "username",
    "full_name",
    "email",
    "location",
    "description",
    "website",
    "language",
    "followers_count",
    "posts_count",
    "verified",
    "joined_x_at",
)


def show_person(document: dict[str, Any], *, as_json: bool) -> None:
    """Print what is known of a person, for people or for scripts."""
    shown = {
        "external_id": document["external_id"],
        "profile": _profile(document),
        "agreements": [_agreement(one) for one in document["agreements"]],
        "consents": [_consent(one) for one in document["consents"]],
        "never_written_to_by": [one["service"] or "every service" for one in document["suppressions"]],
        "follows": [one["service"] for one in document["subscriptions"] if not one["ended_at"]],
        "messages": len(document["messages"]),
    }
    if as_json:
        output.print_json(shown)
        return
    output.print_table([{"": _label(name), "Profile": str(value)} for name, value in shown["profile"].items()])
    for title in ("agreements", "consents"):
        if shown[title]:
            output.say("")
            output.say(title.capitalize())
            output.print_table(
                [{_label(name): str(value or "") for name, value in row.items()} for row in shown[title]]
            )
    output.say(_in_words(shown))


def _profile(document: dict[str, Any]) -> dict[str, Any]:
    """What the contact says, and what it does not say as the visitor does."""
    rows = [*document["contact"], *document["visitor"]]
    found = {name: next((row[name] for row in rows if row.get(name) is not None), None) for name in _PROFILE}
    return {name: value for name, value in found.items() if value is not None}


def _agreement(row: dict[str, Any]) -> dict[str, Any]:
    names = ("service", "state", "agreed_at", "delivery", "scopes", "may_link", "reconciled_by", "withdrawn_at")
    return {name: row[name] for name in names}


def _consent(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("service", "source", "proof", "given_at", "ended_at")}


def _in_words(shown: dict[str, Any]) -> str:
    follows = ", ".join(f"@{name}" for name in shown["follows"]) or "none of the services"
    never = f" Never written to by {', '.join(shown['never_written_to_by'])}." if shown["never_written_to_by"] else ""
    return f"Follows {follows}; {shown['messages']:,} messages in the log.{never}"


def _label(name: str) -> str:
    return "External ID" if name == "external_id" else name.replace("_", " ").capitalize()
