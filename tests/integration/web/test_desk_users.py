"""The pages of an operator: people with access, the audit; and the reports at the desk."""

import re

from campaign.db.engine import transaction
from campaign.users import store as users
from models import Role
from tests.desk_site import PASSWORD, Desk
from tests.engaging import went_out
from tests.factories import NOW
from tests.readings import saved_service


def test_a_person_gets_access_by_a_link_and_loses_it(desk: Desk) -> None:
    acme = saved_service()
    boss = desk.person("boss", Role.OPERATOR)
    fields = {f"role-{acme.id}": "writer", "name": "Ann@Example.com", "full_name": "Ann <b>"}
    page = boss.send(boss.get("/desk/users"), **fields)
    assert "Ann &lt;b&gt;" in page.text
    link = re.findall(r"http://[^<]+(/desk/welcome/[^<]+)", page.text)[0]
    ann = desk.browser()
    assert ann.send(ann.get(link), password=PASSWORD, again=PASSWORD).status_code == 303
    assert ann.get("/desk/reports/service/acme").status_code == 200
    assert ann.get("/desk/users").status_code == 403
    boss.send(boss.get("/desk/users"), action="/desk/users/ann@example.com", do="remove")
    assert ann.get("/desk").status_code == 303
    entries = boss.get("/desk/audit?search=ann@example.com").text
    for action in ("added", "Roles: acme:writer.", "password chosen", "removed"):
        assert action in entries


def test_wrong_input_is_shown_beside_what_was_typed(desk: Desk) -> None:
    boss = desk.person("boss", Role.OPERATOR)
    answer = boss.send(boss.get("/desk/users"), name="two words", full_name="Two", role="viewer")
    assert answer.status_code == 400
    assert "Invalid name" in answer.text
    assert 'value="two words"' in answer.text


def test_one_operator_of_all_services_is_always_left(desk: Desk) -> None:
    boss = desk.person("boss", Role.OPERATOR)
    page = boss.get("/desk/users")
    boss.send(page, action="/desk/users/first", do="remove")
    answer = boss.send(page, action="/desk/users/boss", role="viewer")
    assert answer.status_code == 409
    assert "One operator of all services must be left" in answer.text
    assert boss.get("/desk/users").status_code == 200


def test_the_audit_is_paged_filtered_and_saved_as_a_file(desk: Desk) -> None:
    went_out(saved_service(), "launch")
    with transaction() as session:
        for number in range(120):
            users.record_audit(session, "ann", f"template t{number}", "saved", NOW, "=1+1")
    boss = desk.person("boss", Role.OPERATOR)
    first = boss.get("/desk/audit?who=ann")
    older = boss.get(re.findall(r'href="([^"]+before=[^"]+)"', first.text)[0].replace("&amp;", "&"))
    numbers = [re.findall(r"template t(\d+)", page.text) for page in (first, older)]
    assert [int(one) for page in numbers for one in page] == list(range(119, -1, -1))
    lines = boss.get("/desk/audit.csv?search=t11").text.splitlines()
    assert lines[0] == "\ufeffat,who,what,action,detail"
    assert len(lines) == 12
    assert lines[1].endswith("template t119,saved,'=1+1")


def test_reports_open_to_those_who_may_see_the_service(desk: Desk) -> None:
    acme = saved_service(label="Acme")
    saved_service(internal_name="other", block_id=None)
    went_out(acme, "launch")
    ann = desk.person("ann", {acme.id: Role.VIEWER})
    assert "@other" not in ann.get("/desk/reports").text
    assert ann.get("/desk/reports/service/other").status_code == 404
    assert ann.get("/desk/reports.csv").status_code == 403
    assert ann.get("/desk/reports/service/acme").status_code == 200
    boss = desk.person("boss", Role.VIEWER)
    assert 'href="/desk/reports/service/acme"' in boss.get("/desk/reports").text
    assert 'href="https://x.com/acme/status/' in boss.get("/desk/reports/delivery/launch").text
    assert boss.get("/desk/reports/delivery/launch.csv").headers["content-type"] == "text/csv; charset=utf-8"
