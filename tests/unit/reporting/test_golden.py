"""Every report, preview and log, compared with how it was written before: GOLDEN=write writes the files anew."""

import json
import os
import re
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from campaign.broadcasts.preview import preview_of
from campaign.broadcasts.report import document_of
from campaign.cli import delivery_view
from campaign.contacts import acquisition
from campaign.reporting.document import Document
from campaign.reporting.html import as_page
from campaign.reporting.text import as_markdown, print_document
from campaign.statistics import reports
from campaign.web.reports import report_page
from models import DeliveryKind
from tests import golden_facts as facts

GOLDEN = Path(__file__).parents[2] / "golden"
_PICTURE = re.compile(r"data:image/svg\+xml;base64,([\w+/=]+)")
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _fixed(text: str) -> str:
    """The same text with a short name for each drawing, whose ids are new each time it is drawn."""

    def digest(found: re.Match[str]) -> str:
        drawing = _RANDOM.sub("id", b64decode(found[1]).decode())
        return f"data:image/svg+xml;sha256,{sha256(drawing.encode()).hexdigest()[:16]}"

    return _PICTURE.sub(digest, text)


def _markdown(report: Any) -> Callable[[], str]:
    return lambda: as_markdown(report)


def _csv(report: Any) -> Callable[[], str]:
    return lambda: report.as_csv().replace("\r\n", "\n")


def _json(numbers: Any) -> Callable[[], str]:
    return lambda: json.dumps(numbers if isinstance(numbers, dict | list) else numbers.as_json(), indent=2) + "\n"


def _html(report: Any, path: str) -> Callable[[], str]:
    return lambda: bytes(report_page(report, path, "TOKEN").body).decode()


def _printed(document: Document) -> Callable[[], str]:
    def printed() -> str:
        console = Console(file=StringIO(), width=100, force_terminal=False, color_system=None)
        print_document(document, console)
        assert isinstance(console.file, StringIO)
        return console.file.getvalue()

    return printed


def _rows(rows: list[dict[str, str]]) -> Callable[[], str]:
    return lambda: json.dumps(rows, indent=2) + "\n"


BROADCAST = preview_of(facts.NAME, facts.BROADCAST, facts.ANALYSIS, facts.FILES)
UNSENDABLE = preview_of(facts.NAME, facts.BROADCAST, facts.UNSENDABLE)
WRITTEN: dict[str, Callable[[], str]] = {
    "post_preview.md": _markdown(facts.POST_PREVIEW),
    "post_preview.txt": _printed(facts.POST_PREVIEW),
    "post_preview.html": lambda: as_page(facts.POST_PREVIEW),
    "post_log.json": _json([line.as_json() for line in facts.POST_LINES]),
    "broadcast_preview.md": _markdown(BROADCAST),
    "broadcast_preview.txt": _printed(BROADCAST),
    "broadcast_preview.html": lambda: as_page(BROADCAST),
    "broadcast_unsendable.md": _markdown(UNSENDABLE),
    "broadcast_unsendable.txt": _printed(UNSENDABLE),
    "broadcast_unsendable.html": lambda: as_page(UNSENDABLE),
    "broadcast_report.md": _markdown(document_of(facts.BROADCAST_REPORT)),
    "broadcast_report.json": _json(facts.BROADCAST_REPORT),
    "broadcast_report_rows.json": _rows(facts.BROADCAST_REPORT.as_rows()),
    "broadcast_report_waves.json": _rows([wave.as_row() for wave in facts.BROADCAST_REPORT.waves]),
    "broadcast_paused.md": _markdown(document_of(facts.FINISHED_REPORT)),
    "acquisition.md": _markdown(acquisition.document_of([facts.FUNNEL, facts.NO_FUNNEL])),
    "acquisition_none.md": _markdown(acquisition.document_of([])),
    "sync_rows.json": _rows([report.as_row() for report in facts.SYNC_REPORTS]),
    "analysis.json": _json(delivery_view.analysis_as_json(DeliveryKind.DM, facts.ANALYSIS)),
}
REPORTS: dict[str, tuple[Any, Callable[[Any], Any], str]] = {
    "report_post": (facts.LAUNCH, reports.delivery_report_of, "/reports/delivery/launch"),
    "report_messages": (facts.NEWS, reports.delivery_report_of, "/reports/delivery/news"),
    "report_service": (facts.SERVICE, reports.service_report_of, "/reports/service/acme"),
    "report_empty_service": (facts.EMPTY_SERVICE, reports.service_report_of, "/reports/service/acme_de"),
    "report_overview": (facts.OVERVIEW, reports.overview_of, "/reports"),
}
for _name, (_numbers, _report_of, _path) in REPORTS.items():
    WRITTEN |= {
        f"{_name}.md": _markdown(_report_of(_numbers)),
        f"{_name}.csv": _csv(_report_of(_numbers)),
        f"{_name}.html": _html(_report_of(_numbers), _path),
        f"{_name}.json": _json(_numbers),
    }

PRINTED: dict[str, Callable[[], object]] = {
    f"{name}.txt": lambda numbers=numbers, report_of=report_of: print_document(report_of(numbers))
    for name, (numbers, report_of, _) in REPORTS.items()
} | {
    "broadcast_report.txt": lambda: delivery_view.show_report(facts.BROADCAST_REPORT),
    "broadcast_paused.txt": lambda: delivery_view.show_report(facts.FINISHED_REPORT),
    "broadcast_findings.txt": lambda: delivery_view.show_analysis(DeliveryKind.DM, facts.ANALYSIS),
    "post_findings.txt": lambda: delivery_view.show_analysis(DeliveryKind.POST, facts.UNSENDABLE),
    "broadcast_settings.txt": lambda: delivery_view.show_settings(facts.BROADCAST),
    "post_settings.txt": lambda: delivery_view.show_settings(facts.POST_DRAFT),
    "post_log.txt": lambda: delivery_view.show_log(facts.POST_LINES, as_json=False),
    "post_log.csv": lambda: delivery_view.show_log(facts.POST_LINES, as_json=False, as_csv=True),
    "broadcast_log.txt": lambda: delivery_view.print_lines(facts.MESSAGE_LINES, as_csv=False, as_json=False),
    "broadcast_log.csv": lambda: delivery_view.print_lines(facts.MESSAGE_LINES, as_csv=True, as_json=False),
    "broadcast_log.json": lambda: delivery_view.print_lines(facts.MESSAGE_LINES, as_csv=False, as_json=True),
    "broadcast_log_empty.txt": lambda: delivery_view.print_lines([], as_csv=False, as_json=False),
}


def _compare(name: str, text: str) -> None:
    file, written = GOLDEN / name, "\n".join(line.rstrip() for line in _fixed(text).splitlines()) + "\n"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(written, encoding="utf-8")
    assert written == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", WRITTEN)
def test_it_is_written_as_before(name: str) -> None:
    _compare(name, WRITTEN[name]())


@pytest.mark.parametrize("name", PRINTED)
def test_it_is_printed_as_before(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    PRINTED[name]()
    printed = capsys.readouterr()
    _compare(name, printed.err + printed.out)


def test_no_file_is_left_over() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == {*WRITTEN, *PRINTED}
