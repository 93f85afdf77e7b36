"""The report of a broadcast, and the picture in it."""

import json
import pickle
import re
import sys
import xml.etree.ElementTree as ET
from base64 import b64decode
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from subprocess import run
from typing import Any

import pytest

from campaign.broadcasts.log import MessageLine
from campaign.broadcasts.report import (
    BroadcastReport,
    Numbers,
    ReasonCount,
    ServiceNumbers,
    WaveNumbers,
    document_of,
)
from campaign.reporting.charts import bars_of, drawn, over_time
from campaign.reporting.text import as_markdown
from models import DeliveryState, MessageState
from tests.factories import NOW
from tests.unit.posts.test_preview_markdown import FRAME, kinds
from tests.unit.posts.test_preview_samples import ATTACKS

HOUR = timedelta(hours=1)
AT_SEVEN = NOW.replace(minute=0)
COUNTS = Numbers(Counter({MessageState.SENT: 90, MessageState.REFUSED: 3, MessageState.PENDING: 7}))


def report(**changes: Any) -> BroadcastReport:
    defaults: dict[str, Any] = {
        "name": "dm-2026-11-26-autumn",
        "label": "Autumn",
        "state": DeliveryState.IN_PROGRESS,
        "targeted": 162,
        "excluded": {"opted_out": 2, "not_a_follower": 60},
        "numbers": COUNTS,
        "refusals": (ReasonCount("dm_closed", "X does not deliver messages of this account to the person.", 3),),
        "cost": Decimal("1.350"),
        "spend_cap": Decimal(50),
        "started_at": NOW,
        "duration": 2 * HOUR,
        "services": (ServiceNumbers("acme", COUNTS, Decimal("1.350")),),
        "waves": (WaveNumbers("acme", 1, 60, 60, NOW), WaveNumbers("acme", 2, 40, 30, None)),
        "per_hour": ((AT_SEVEN, 60), (AT_SEVEN + 2 * HOUR, 30)),
        "goes_on_at": NOW + 3 * HOUR,
        "ends_about": NOW + 4 * HOUR,
    }
    return BroadcastReport(**{**defaults, **changes})


@pytest.mark.parametrize(
    ("state", "reason", "is_unhappy"),
    [
        (DeliveryState.FINISHED, "", False),
        (DeliveryState.FAILED, "It changed.", True),
        (DeliveryState.EXPIRED, "", True),
        (DeliveryState.PAUSED, "", False),
        (DeliveryState.PAUSED, "X refused too many.", True),
    ],
)
def test_a_person_is_needed_where_it_does_not_go_on_by_itself(
    state: DeliveryState, reason: str, *, is_unhappy: bool
) -> None:
    assert report(state=state, reason=reason).is_unhappy is is_unhappy


def test_scripts_read_every_figure() -> None:
    read = json.loads(json.dumps(report().as_json()))
    assert read["messages"] == {
        "pending": 7,
        "sending": 0,
        "sent": 90,
        "uncertain": 0,
        "refused": 3,
        "cancelled": 0,
    }
    assert read["refusals"][0]["code"] == "dm_closed"
    assert (read["cost_usd"], read["spend_cap_usd"], read["took_seconds"]) == ("1.35", "50.00", 7200.0)
    assert read["waves"][1] == {"service": "acme", "number": 2, "recipients": 40, "sent": 30, "begun": None}
    assert read["sent_per_hour"][0] == {"hour": "2026-11-26T07:00:00+00:00", "sent": 60}


def test_people_read_a_row_for_each_service() -> None:
    (row,) = report().as_rows()
    assert row["Service"] == "@acme"
    assert (row["Sent"], row["Refused"], row["Pending"], row["Cost"]) == ("90", "3", "7", "$1.35")
    assert row["State"] == "in progress"


def test_the_report_says_what_came_of_it_and_shows_it() -> None:
    markdown = as_markdown(document_of(report()))
    assert "**sent 90, refused 3, uncertain 0, pending 7 of 100**" in markdown.replace("\\", "")
    assert "X does not deliver messages of this account to the person\\. | 3 |" in markdown
    (content,) = re.findall(r"!\[Messages sent in each hour[^]]*\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", markdown)
    assert b"Messages sent in each hour" in b64decode(content)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_a_report_is_more_than_words(attack: str) -> None:
    reason = ReasonCount("", attack, 1)
    markdown = as_markdown(document_of(report(label=attack, reason=attack, refusals=(reason,), dropped=(reason,))))
    assert kinds(markdown) <= FRAME | {"image", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<" not in markdown


def test_of_many_waves_the_first_ten_and_the_last_are_in_the_report() -> None:
    waves = tuple(WaveNumbers("acme", number, 10, 10, NOW) for number in range(1, 31))
    assert "| 19 more |  |" in as_markdown(document_of(report(waves=waves)))


def test_nothing_sent_is_no_picture() -> None:
    assert "![" not in as_markdown(document_of(report(per_hour=())))


def test_a_run_can_keep_its_reports() -> None:
    assert pickle.loads(pickle.dumps(report())) == report()


def test_what_draws_is_not_loaded_before_something_is_drawn() -> None:
    code = "import sys, campaign.broadcasts.report as _; sys.exit('pygal' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_hour_without_a_message_is_an_empty_bar() -> None:
    unit, bars = bars_of([(AT_SEVEN, 60), (AT_SEVEN + 2 * HOUR, 30)])
    assert (unit, [sent for _, sent in bars]) == (HOUR, [60, 0, 30])


def test_a_long_broadcast_is_drawn_by_the_day() -> None:
    unit, bars = bars_of([(AT_SEVEN, 1), (AT_SEVEN + HOUR, 2), (AT_SEVEN + 96 * HOUR, 3)])
    assert (unit, [sent for _, sent in bars]) == (24 * HOUR, [3, 0, 0, 0, 3])


@pytest.mark.parametrize("hours", [1, 5, 96, 1500])
def test_the_picture_asks_nothing_of_any_person(hours: int) -> None:
    svg = drawn(over_time("Messages sent", "Sent", [(AT_SEVEN + place * HOUR, place) for place in range(hours)]))
    root = ET.fromstring(svg)
    assert [tag for tag in root.iter() if tag.tag.endswith(("script", "image", "a"))] == []
    assert b"@import" not in svg
    assert len(svg) < 100_000


def test_a_line_of_the_log_is_read_by_scripts_and_by_people() -> None:
    line = MessageLine("refused", "acme", "42", "ann", "Ann", 2, None, NOW, "X said no.")
    assert line.as_json() == {
        "state": "refused",
        "service": "acme",
        "external_id": "42",
        "username": "ann",
        "full_name": "Ann",
        "wave": 2,
        "x_id": None,
        "at": "2026-11-26T07:30:00+00:00",
        "reason": "X said no.",
    }
    assert line.as_row()["Person"] == "@ann"
