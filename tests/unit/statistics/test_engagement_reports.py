"""Reports on paper, as comma separated values and as pictures."""

import csv
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from xml.etree import ElementTree as ET

import pytest

from campaign.contacts.acquisition import Acquisition, Funnel, InvitationReport
from campaign.formatting import for_spreadsheet
from campaign.reporting.charts import Chart, Measure, drawn
from campaign.reporting.document import Cell, Place, Rate, plain, shown
from campaign.reporting.text import as_markdown
from campaign.statistics import reports
from campaign.statistics.clicks import LinkNumbers
from campaign.statistics.counts import Day, Engagement, PostNumbers
from campaign.statistics.reports import DeliveryNumbers, Overview, ServiceLine, ServiceStatistics
from models import DeliveryKind, DeliveryState
from tests.factories import NOW

POST = PostNumbers(
    delivery="launch",
    label="Launch",
    service="acme",
    handle="AcmeCorp",
    part=1,
    x_id="123",
    published_at=NOW,
    engagement=Engagement(1, 5, 2, 0, 2, impressions=2_000, link_visits=7),
    counted_at=NOW,
)
LAUNCH = DeliveryNumbers(
    name="launch",
    label="Launch",
    kind=DeliveryKind.POST,
    state=DeliveryState.FINISHED,
    services=("acme",),
    started_at=NOW,
    targeted=2,
    sent=1,
    clicks=3,
    clicked=1,
    robot_clicks=9,
    cost=Decimal("0.2"),
    posts=(POST, replace(POST, x_id="124", part=2, deleted_at=NOW + timedelta(days=1))),
    links=(LinkNumbers(1, "https://example.com/", "Shop", "buy", 3, 9),),
    clicks_by_hour=((NOW.replace(minute=0), 2), (NOW.replace(hour=10, minute=0), 1)),
)
ACME = ServiceStatistics(
    name="acme",
    label="Acme",
    timezone="UTC",
    days=(Day(date(2026, 11, 25), 4, 0, 0), Day(date(2026, 11, 26), 5, 2, 1)),
    posts=(POST,),
    deliveries=1,
    acquisition=Acquisition(
        "acme", "Acme", 5, 1, 0, (InvitationReport("inv", "Join", DeliveryKind.POST, Funnel(0, 0, 1, 1, 0)),)
    ),
)


def test_a_delivery_on_paper_has_its_funnel_and_says_which_post_is_deleted() -> None:
    page = as_markdown(reports.delivery_report_of(LAUNCH))

    assert "| Posts planned | 2 | 100\\.00 % |" in page
    assert "| Posts published | 1 | 50\\.00 % |" in page
    assert "| Clicks | 3 |  |" in page
    assert "deleted on 2026\\-11\\-27" in page
    assert "| Shop | buy | https\\:" in page
    assert "| 3 | 9 |" in page
    assert "| For each click | \\$0\\.0667 |" in page
    assert page.count("![") == 2
    assert "| 2026\\-11\\-26 07\\:00 UTC | 2 |" in page


def test_pictures_on_paper_are_scalable_and_run_nothing() -> None:
    page = as_markdown(reports.service_report_of(ACME))
    pictures = page.split("data:image/svg+xml;base64,")[1:]

    assert len(pictures) == 4
    for picture in pictures:
        svg = b64decode(picture.split(")")[0])
        assert ET.fromstring(svg).tag.endswith("svg")
        assert b"<script" not in svg
        assert b"http" not in svg.replace(b"http://www.w3.org", b"").replace(b"http://pygal.org", b"").replace(
            b"http://github.com/Kozea/pygal", b""
        )


def test_a_service_on_paper_has_audience_hours_best_posts_and_contacts() -> None:
    page = as_markdown(reports.service_report_of(ACME))

    assert "5 followers on 2026\\-11\\-26; 4 on 2026\\-11\\-25" in page
    assert "| 2026\\-11\\-26 | 5 | 2 | 1 |" in page
    assert "| 07\\:00 | 1 | 0\\.50 % |" in page
    assert "Best posts" in page
    assert "| Launch | 2026\\-11\\-26 07\\:30 UTC | 1 | 2,000 | 10 | 0\\.50 % |" in page
    assert "Last counted at 2026\\-11\\-26 07\\:30 UTC\\." in page
    assert "1 contact, 20\\.0% of its 5 followers" in page
    assert "| Join |  |  |  |  | 1 | 1 | 0 |" in page


def test_everything_empty_is_a_report_too() -> None:
    nothing = DeliveryNumbers("dm", "", DeliveryKind.DM, DeliveryState.IN_PROGRESS)
    assert "| People targeted | 0 |  |" in as_markdown(reports.delivery_report_of(nothing))
    assert "No account sync" in as_markdown(reports.service_report_of(ServiceStatistics("acme", "", "UTC")))
    for count, words in [
        (0, "nothing was posted yet"),
        (1, "its only delivery"),
        (2, "its last 2 deliveries with posts"),
    ]:
        numbers = ServiceStatistics("acme", "", "UTC", deliveries=count)
        assert words in reports.service_report_of(numbers).lead
    assert "no service yet" in as_markdown(reports.overview_of(Overview()))


def test_all_services_on_paper() -> None:
    line = ServiceLine("acme", "Acme", followers=12_000, engagement=POST.engagement, rate=0.005, spent=Decimal("1.5"))
    page = as_markdown(reports.overview_of(Overview((line,), (LAUNCH,))))

    assert "| \\@acme | 12,000 |" in page
    assert "| \\$1\\.50 |" in page
    assert "| Launch | post |" in page


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text)))


def test_every_figure_has_a_line_in_the_file_and_nothing_is_a_formula() -> None:
    evil = LinkNumbers(1, "https://example.com/", '=HYPERLINK("https://evil.example")', "@SUM(A1)", 3, 9)
    head, *rows = rows_of(reports.delivery_report_of(replace(LAUNCH, links=(evil,))).as_csv())

    assert head == ["Section", "Row", "Column", "Value"]
    assert ["Funnel", "Posts published", "Of the first", "0.500000"] in rows
    assert ["Reactions", "Likes", "Number", "10"] in rows
    assert ["Posts", "@AcmeCorp 123", "Published", "2026-11-26T07:30:00+00:00"] not in rows
    assert ["Posts", "'@AcmeCorp 123", "Published", "2026-11-26T07:30:00+00:00"] in rows
    assert ["Links", '\'=HYPERLINK("https://evil.example")', "Category", "'@SUM(A1)"] in rows
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@pytest.mark.parametrize(
    ("cell", "words", "value"),
    [
        (None, "", ""),
        (12_345, "12,345", "12345"),
        (Rate(0.0325), "3.25 %", "0.032500"),
        (Decimal("0.2"), "$0.20", "0.2"),
        (datetime(2026, 11, 26, 7, 30, tzinfo=UTC), "2026-11-26 07:30 UTC", "2026-11-26T07:30:00+00:00"),
        (date(2026, 11, 26), "2026-11-26", "2026-11-26"),
        (Place("+1", "https://example.com"), "+1", "'+1"),
        ("\tx", "\tx", "'\tx"),
    ],
)
def test_a_figure_is_written_for_people_and_for_spreadsheets(cell: Cell, words: str, value: str) -> None:
    assert (shown(cell), for_spreadsheet(plain(cell))) == (words, value)


@pytest.mark.parametrize("labels", [0, 1, 2, 24, 96])
@pytest.mark.parametrize("is_line", [True, False])
@pytest.mark.parametrize("figure", [None, 0, 3, 1e9])
def test_any_figures_can_be_drawn(labels: int, is_line: bool, figure: float | None) -> None:
    names = tuple(f"11-{number:02}" for number in range(labels))
    chart = Chart("Likes & <more>", names, (("One", (figure,) * labels), ("Two", (1,) * labels)), is_line=is_line)
    picture = drawn(chart, follows_page=True)
    assert picture.startswith(b"<?xml")
    assert b"<!--" not in picture  # would change with the day on which it is drawn
    assert chart.alt_text.startswith("Likes & <more>")


def test_the_words_for_a_picture_say_its_peak() -> None:
    rates = Chart("Rate by hour", ("00", "01"), (("Rate", (None, 0.031)),), Measure.RATE)
    assert rates.alt_text == "Rate by hour, 00 to 01, at most 3.10%"
    assert replace(rates, series=(("Rate", (None, None)),)).alt_text == "Rate by hour: nothing yet"
