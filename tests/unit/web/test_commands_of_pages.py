"""What is done on a page of the desk is done by a command too."""

import pytest

from campaign.cli.main import COMMANDS, Command, Group
from campaign.web.desk import site

#: The command for each button. What concerns only a browser has none: sessions, and signing in with X.
BY_COMMAND = {
    "/desk/sign-in": "",
    "/desk/sign-out": "",
    "/desk/welcome/{link}": "user reset",
    "/desk/me": "user edit",
    "/desk/users": "user add",
    "/desk/users/{user}": "user roles",
    "/desk/accounts/new": "service create",
    "/desk/accounts/sign-in": "service create",
    "/desk/accounts/{service}": "service edit",
    "/desk/accounts/{service}/keys": "service edit",
    "/desk/accounts/{service}/check": "service check",
    "/desk/accounts/{service}/sync": "sync",
    "/desk/accounts/{service}/remove": "service remove",
    "/desk/workflows/{workflow}": "workflow start",
    "/desk/posts/new": "delivery create",
    "/desk/posts/{delivery}/edit": "delivery edit",
    "/desk/broadcasts/new": "delivery create",
    "/desk/broadcasts/{delivery}/edit": "delivery edit",
    "/desk/deliveries/{delivery}/ask": "delivery analyse",
    "/desk/deliveries/{delivery}/proof": "delivery proof",
    "/desk/deliveries/{delivery}/approve": "delivery confirm",
    "/desk/deliveries/{delivery}/send-back": "delivery reject",
    "/desk/deliveries/{delivery}/pause": "delivery pause",
    "/desk/deliveries/{delivery}/resume": "delivery resume",
    "/desk/deliveries/{delivery}/stop": "delivery stop",
    "/desk/deliveries/{delivery}/withdraw": "delivery withdraw",
    "/desk/deliveries/{delivery}/settle": "delivery settle",
    "/desk/people/segments": "segment save",
    "/desk/people/segments/{segment}": "segment rename",
    "/desk/people/consents/import": "consent import",
    "/desk/people/denylist": "denylist add",
    "/desk/people/denylist/import": "denylist import",
    "/desk/people/contacts": "contact import",
    "/desk/people/{person}/consent": "consent grant",
    "/desk/people/{person}/denylist": "denylist add",
    "/desk/people/{person}/erase": "contact erase",
    "/desk/people/contacts/{contact}/erase": "contact erase",
    "/desk/calendar/{delivery}/move": "delivery edit",
    "/desk/calendar/slots/add": "slot add",
    "/desk/calendar/slots/remove": "slot remove",
    "/desk/calendar/series/create": "series create",
    "/desk/calendar/series/ask": "series ask",
    "/desk/calendar/series/stop": "series stop",
    "/desk/calendar/import": "delivery import",
}
#: And for each file.
FILES = {
    "/desk/audit.csv": "audit",
    "/desk/reports.csv": "report all",
    "/desk/reports/service/{service}.csv": "report service",
    "/desk/reports/delivery/{delivery}.csv": "report delivery",
    "/desk/deliveries/{delivery}/log.csv": "delivery log",
    "/desk/people.csv": "visitors",
    "/desk/people/consents.csv": "consent list",
    "/desk/people/denylist.csv": "denylist list",
    "/desk/people/{person}/data.json": "contact export",
    "/desk/people/contacts/{contact}/data.json": "contact export",
}


def test_each_button_and_each_file_of_the_desk_has_a_command() -> None:
    routes = site.routes()
    assert {one.path for one in routes if "POST" in (one.methods or ())} == set(BY_COMMAND)
    assert {one.path for one in routes if one.path.endswith((".csv", ".json"))} == set(FILES)


@pytest.mark.parametrize("words", sorted({*BY_COMMAND.values(), *FILES.values()} - {""}))
def test_the_command_is_there(words: str) -> None:
    group, _, name = words.partition(" ")
    entry = COMMANDS[group]
    assert name in entry.commands if isinstance(entry, Group) else isinstance(entry, Command)
