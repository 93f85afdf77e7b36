"""The reports as pages, and the metrics of monitoring, each behind a key."""

import hmac
import re
import secrets

import pendulum
from limits import RateLimitItemPerMinute
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.errors import WrongUsage
from campaign.formatting import byte_order_mark
from campaign.reporting.document import Document
from campaign.reporting.html import table
from campaign.services import store as services
from campaign.settings import load_settings
from campaign.statistics import reports
from campaign.statistics.metrics import metrics_text
from campaign.web.pages import (
    delete_cookie,
    form_token,
    not_found,
    page,
    read_cookie,
    read_form,
    save_cookie,
    text_page,
    visit_of,
    visitor_of,
    with_form,
)

LOGIN, LOGOUT, HOME, METRICS = "/reports/login", "/reports/logout", "/reports", "/metrics"
_SESSION_SECONDS = 12 * 3600
#: Wrong keys of one visitor: enough for a person who mistypes, and centuries for a machine that guesses.
_WRONG_KEYS = RateLimitItemPerMinute(10, 15, namespace="reports")
_COOKIE = "reports"


def routes() -> list[Route]:
    """Returns the routes of the pages; all but the login need the key."""
    found = [
        Route(LOGIN, ask_for_key, methods=["GET"]),
        Route(LOGIN, log_in, methods=["POST"]),
        Route(LOGOUT, log_out, methods=["POST"]),
    ]
    for path in (HOME, f"{HOME}/{{kind}}/{{name}}"):
        found += [Route(f"{path}.csv", download_report), Route(path, show_report)]
    return [*found, Route(METRICS, show_metrics)]


def show_metrics(request: Request) -> Response:
    """Shows the metrics to a monitoring system that sends the key; without a key in the settings there is no page.

    Nothing else opens it, because behind a proxy every visitor comes from this machine.
    """
    key, limiter, visitor = (
        load_settings().metrics_key.get_secret_value(),
        request.app.state.limiter,
        visitor_of(request.scope),
    )
    if not key:
        return not_found()
    if not limiter.test(_WRONG_KEYS, visitor):
        return PlainTextResponse("Too many wrong keys. Try again in a quarter of an hour.", 429)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), key.encode()):
        limiter.hit(_WRONG_KEYS, visitor)
        return PlainTextResponse("Send CAMPAIGN_METRICS_KEY.", 401, headers={"WWW-Authenticate": "Bearer"})
    with read_session() as session:
        return Response(metrics_text(session, pendulum.now("UTC")), media_type=CONTENT_TYPE_LATEST)


def ask_for_key(request: Request) -> Response:
    """Asks for the key."""
    return _form(request, request.query_params.get("to", "")) if _key() else _closed()


async def log_in(request: Request) -> Response:
    """Lets in the visitor who gives the key."""
    form, key, limiter = await read_form(request), _key(), request.app.state.limiter
    if not key:
        return _closed()
    if form is None:
        return _form(request, "", "The form was open for too long, or came from another page. Try again.", 403)
    to, visitor = str(form.get("to", "")), visitor_of(request.scope)
    if not limiter.test(_WRONG_KEYS, visitor):
        return _form(request, to, "There were too many wrong keys. Try again in a quarter of an hour.", 429)
    if not hmac.compare_digest(str(form.get("key", "")).encode(), key.encode()):
        limiter.hit(_WRONG_KEYS, visitor)
        return _form(request, to, "That is not the key.", 403)
    response = RedirectResponse(_own_page(to), 303)
    sessions: set[str] = request.app.state.report_sessions
    sessions.add(session := secrets.token_urlsafe(16))
    save_cookie(response, _COOKIE, session, _SESSION_SECONDS, purpose=_purpose(key), same_site="strict")
    return response


async def log_out(request: Request) -> Response:
    """Ends the session of this browser."""
    if await read_form(request) is None:
        return RedirectResponse(HOME, 303)
    request.app.state.report_sessions.discard(_session(request))
    response = RedirectResponse(LOGIN, 303)
    delete_cookie(response, _COOKIE, same_site="strict")
    return response


def _form(request: Request, to: str, problem: str = "", status: int = 200) -> Response:
    visit = visit_of(request)
    response = page("report_login.html.jinja", status, token=form_token(visit), to=_own_page(to), problem=problem)
    return with_form(response, visit)


def _own_page(to: str) -> str:
    """Returns the address of a report, wherever the address of the login came from; else that of all reports."""
    is_ours = to.startswith(f"{HOME}/") and to.isascii() and "//" not in to and "\\" not in to and to.isprintable()
    return to if is_ours else HOME


def _session(request: Request) -> str:
    return str(read_cookie(request, _COOKIE, _SESSION_SECONDS, purpose=_purpose(_key())))


def _key() -> str:
    return load_settings().reports_key.get_secret_value()


def _purpose(key: str) -> str:
    """Makes all visitors log in again after a change of the key."""
    return f"reports {key}"


def _closed() -> Response:
    return text_page(
        "The reports are closed",
        "Set CAMPAIGN_REPORTS_KEY to a long secret, start campaign web again, and open this page with it.",
        "In a terminal, campaign report shows the same.",
        status=503,
    )


def show_report(request: Request) -> Response:
    """Shows a report to a visitor who has the key."""
    if refusal := _refusal(request):
        return refusal
    document = find_report(request.path_params.get("kind", ""), request.path_params.get("name", ""))
    if document is None:
        return _unknown()
    visit = visit_of(request)
    return with_form(report_page(document, request.url.path, form_token(visit)), visit)


def report_page(document: Document, path: str, token: str) -> Response:
    """Renders a report at its path."""
    sections = [table(section) for section in document.sections]
    return page("report.html.jinja", token=token, path=path, document=document, sections=sections)


def download_report(request: Request) -> Response:
    """Sends a report as a file to a visitor who has the key."""
    if refusal := _refusal(request):
        return refusal
    document = find_report(request.path_params.get("kind", ""), request.path_params.get("name", ""))
    if document is None:
        return _unknown()
    return report_file(document, request.url.path)


def report_file(document: Document, path: str) -> Response:
    """Sends a report as comma separated values, under a name made of its path."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", path).strip("-")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(byte_order_mark() + document.as_csv(), media_type="text/csv; charset=utf-8", headers=headers)


def _refusal(request: Request) -> Response | None:
    """Returns the answer to a visitor who has not given the key; None for all others."""
    key = _key()
    if not key:
        return _closed()
    if _session(request) in request.app.state.report_sessions:
        return None
    return RedirectResponse(f"{LOGIN}?to={request.url.path}", 303)


def find_report(kind: str, name: str) -> Document | None:
    """Returns the report of a delivery, of a service, or (an empty kind) of all services; None when there is none."""
    with read_session() as session:
        match kind:
            case "":
                return reports.overview_of(reports.overview(session, pendulum.now("UTC")))
            case "delivery":
                try:
                    delivery = deliveries.named(session, name)
                except WrongUsage:
                    return None
                return reports.delivery_report_of(reports.delivery_numbers(session, delivery))
            case "service":
                if service := services.find(session, name):
                    figures = reports.service_numbers(session, service, load_settings().timezone)
                    return reports.service_report_of(figures)
    return None


def _unknown() -> Response:
    return text_page("There is no such report", "Begin with the page of all services, at /reports.", status=404)
