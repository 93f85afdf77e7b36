"""Looking through very many followers at the desk: the median milliseconds of its pages, as a browser asks for them."""

import re
import resource
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlencode

from benchmarks.brand import Brand

ROUNDS = 9
_PASSWORD = "a long password"
#: What is asked for: the list in both orders, a search, conditions that choose many, some and no people, a count.
PAGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("/desk/people", {}),
    ("/desk/people", {"order": "followers"}),
    ("/desk/people", {"search": "person_12345"}),
    ("/desk/people", {"where": "location contains 'Gent' and verified"}),
    ("/desk/people", {"where": "location contains 'nowhere'"}),
    ("/desk/people/count", {"where": "location contains 'Gent' and verified"}),
)


def browse(brand: Brand) -> list[float]:
    """Each page several times; then of a count how far its first number is from the exact one, and how long that takes.

    Last the median CPU of our own for a page, and the memory in MB that the process held beyond that of its first page.
    """
    pages = _sign_in()
    _get(pages, "/desk/people", {"service": brand.username})
    held = _peak()
    figures, cpu = list[float](), list[float]()
    for path, query in PAGES:
        took = []
        for _ in range(ROUNDS):
            began, cpu_before = time.perf_counter(), time.process_time()
            _get(pages, path, query | {"service": brand.username})
            took.append(1000 * (time.perf_counter() - began))
            cpu.append(1000 * (time.process_time() - cpu_before))
        figures.append(statistics.median(took))
    off, exact = list[float](), list[float]()
    for _ in range(ROUNDS):
        began, shown = time.perf_counter(), _count(pages, {"service": brand.username, **PAGES[-1][1]})
        exact.append(1000 * (time.perf_counter() - began))
        off.append(abs(shown[0] / shown[-1] - 1))
    return [*figures, *map(statistics.median, (off, exact, cpu)), _peak() - held]


def _count(pages: Any, query: dict[str, str]) -> list[int]:
    """Returns the numbers that the page shows until it is exact, as htmx asks for them."""
    address, shown = f"/desk/people/count?{urlencode(query)}", list[int]()
    while address:
        answer = pages.get(address, headers={"hx-request": "true"}).text
        shown += [int(re.findall(r">(?:About )?([\d,]+) (?:people|person)", answer)[0].replace(",", ""))]
        found = re.search(r'hx-get="([^"]+)"', answer)
        address = found[1].replace("&amp;", "&") if found else ""
    return shown


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _sign_in() -> Any:
    """Opens the desk in this process, as an operator."""
    import pendulum
    from starlette.testclient import TestClient

    from campaign.db.engine import transaction
    from campaign.users import store as users
    from campaign.web.app import make_app
    from campaign.web.desk import site
    from models import EVERY_SERVICE, Role

    with transaction() as session:
        user = users.add_user(session, "ann", "Ann", {EVERY_SERVICE: Role.OPERATOR}, pendulum.now("UTC"))
        users.set_password(session, user, _PASSWORD)
    client = TestClient(make_app(site.routes()), base_url="http://127.0.0.1", follow_redirects=False)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', client.get("/desk/sign-in").text))
    given = fields | {"name": "ann", "password": _PASSWORD}
    answer = client.post("/desk/sign-in", data=given, headers={"origin": "http://127.0.0.1"})
    if answer.status_code != 303:  # noqa: PLR2004
        sys.exit(f"Signing in was answered with {answer.status_code}.")
    return client


def _get(pages: Any, path: str, query: dict[str, str]) -> None:
    answer = pages.get(path, params=query)
    if answer.status_code != 200:  # noqa: PLR2004
        sys.exit(f"{path} was answered with {answer.status_code}.")
