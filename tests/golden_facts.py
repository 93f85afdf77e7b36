"""Fixed facts of which every report, preview and log is written: one post, one broadcast, one service, one funnel."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from campaign.audience.sync import SyncReport
from campaign.broadcasts.log import MessageLine
from campaign.broadcasts.report import BroadcastReport, Numbers, ReasonCount, ServiceNumbers, WaveNumbers
from campaign.contacts.acquisition import Acquisition, Funnel, InvitationReport
from campaign.deliveries.draft import MediaItem, Part, PollContent
from campaign.deliveries.findings import Analysis, Sample, error, info, warning
from campaign.posts.documents import DeliveryReport, LogLine, attachment
from campaign.statistics.clicks import LinkNumbers
from campaign.statistics.counts import Day, Engagement, PostNumbers
from campaign.statistics.reports import DeliveryNumbers, Overview, ServiceLine, ServiceStatistics
from campaign.x.types import ReplySettings
from models import DeliveryKind, DeliveryState, MessageState, SyncState
from tests.analysing import draft
from tests.broadcasting import analysed, broadcast, receiver, same
from tests.factories import NOW
from tests.unit.posts.test_preview_samples import loaded, post, preview

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAME = "dm-2026-11-26-autumn"

POST_PREVIEW = preview(
    post(
        text="Autumn | is here\n\n@acme #tea $TEA https://example.com/a/very/long/address?with=a&query=1",
        weight=70,
        parts=2,
        files=(loaded(), loaded(source="https://example.com/film.mp4?x=1", alt_text="")),
        thumbnails=(b"jpeg",),
        paid_partnership=True,
        reply_settings=ReplySettings.VERIFIED,
    ),
    post(text="More *of* it", part=2, parts=2, weight=300, at=None, poll=PollContent(options=["Tea", "Coffee"])),
    post(account_name="Acme Deutschland", handle="acme_de", label="Acme DE", text="Herbst", weight=6, at=NOW + HOUR),
    findings=(
        error("too_long", "Part 2 on @acme is too long by 20 characters: shorten it."),
        warning("no_alt_text", "A file has no alternative text: write what it shows."),
        warning("similar", "The text is like one that went out yesterday."),
        info("cost", "A link makes a post dearer."),
    ),
)
POST_DRAFT = draft(
    Part(text="Autumn", media=[MediaItem(source="/srv/sun.jpg")]),
    Part(text="More", poll=PollContent(options=["Tea", "Coffee"])),
    label="Autumn",
    services=["acme", "acme_de"],
    proof_service="proofs",
)
POST_LINES = (
    LogLine("acme", "AcmeCorp", 1, 0, "sent", "123", NOW, ""),
    LogLine("acme", "AcmeCorp", 2, 0, "refused", None, NOW + HOUR, "X refuses the text: it was posted before."),
    LogLine("proofs", "proofs", 1, 1, "withdrawn", "77", NOW - HOUR, ""),
)
POST_REPORT = DeliveryReport("post-autumn", "Autumn", DeliveryState.FAILED, "Part 2 was refused.", POST_LINES)

BROADCAST = broadcast(
    Part(text="Hello {{ visitor.name }}, see https://example.com", media=[MediaItem(source="/srv/sun.jpg")]),
    label="Autumn",
    services=["acme"],
    waves=same(10),
    where="followers_count > 10",
    limit=250,
)
SAMPLES = [
    Sample(why="shortest", service="acme", handle="ann", full_name="Ann", text="Hello Ann, see https://example.com"),
    Sample(why="longest", service="acme", handle="", full_name="", text="Hello *Max*\n\nsee www.example.com"),
    Sample(why="random", service="acme", handle="ann", full_name="Ann", text="Hello Ann, see https://example.com"),
]
CONSENTS: dict[str, Any] = {"unconsented": 7, "agreed": 200, "wrote_first": 43, "wrote_first_counts": True}
ANALYSIS = analysed(
    BROADCAST, receiver(recipients=250, excluded={"opted_out": 2, "not_a_follower": 58}, **CONSENTS), samples=SAMPLES
)
UNSENDABLE = Analysis(findings=[error("recipients", "Nobody is left to write to: change the condition.")], targeted=1)
FILES = [attachment(loaded(), b"jpeg")]

COUNTS = Numbers(
    Counter(
        {
            MessageState.SENT: 1_204,
            MessageState.REFUSED: 3,
            MessageState.UNCERTAIN: 1,
            MessageState.CANCELLED: 2,
            MessageState.PENDING: 790,
        }
    )
)
GERMAN = Numbers(Counter({MessageState.SENT: 10}))
BROADCAST_REPORT = BroadcastReport(
    name=NAME,
    label="Autumn | sale",
    state=DeliveryState.IN_PROGRESS,
    reason="",
    targeted=2_060,
    excluded={"opted_out": 2, "not_a_follower": 58},
    consents="1,700 agreed, 200 only wrote first, 100 did neither",
    agreed=1_700,
    wrote_first=200,
    unknown=(ReasonCount("untold", "Whether it is out is unknown: X left something out of messages of that time.", 1),),
    left_out=2,
    numbers=Numbers(COUNTS.by_state + GERMAN.by_state),  # type: ignore[operator]
    refusals=(ReasonCount("dm_closed", "X does not deliver messages of this account to the person.", 3),),
    dropped=(ReasonCount("opted_out", "The person opted out.", 1), ReasonCount("", "", 1)),
    cost=Decimal("18.210"),
    spend_cap=Decimal(50),
    started_at=NOW,
    duration=2 * HOUR,
    services=(ServiceNumbers("acme", COUNTS, Decimal("18.060")), ServiceNumbers("acme_de", GERMAN, Decimal("0.150"))),
    waves=tuple(
        WaveNumbers("acme", n, 100, 100 if n < 13 else 0, NOW + n * HOUR if n < 13 else None) for n in range(1, 21)
    ),
    per_hour=((NOW.replace(minute=0), 604), (NOW.replace(minute=0) + 2 * HOUR, 610)),
    goes_on_at=NOW + 3 * HOUR,
    ends_about=NOW + 4 * HOUR,
)
FINISHED_REPORT = BroadcastReport(
    name="dm-winter",
    label="",
    state=DeliveryState.PAUSED,
    reason="X refused 10 messages in a row.",
    targeted=10,
    numbers=GERMAN,
    cost=Decimal("0.150"),
    spend_cap=Decimal(50),
    started_at=NOW,
    finished_at=NOW + HOUR,
    duration=HOUR,
    services=(ServiceNumbers("acme_de", GERMAN, Decimal("0.150")),),
    waves=(WaveNumbers("acme_de", 1, 10, 10, NOW),),
    per_hour=((NOW.replace(minute=0), 10),),
)
MESSAGE_LINES = [
    (1, MessageLine("sent", "acme", "100", "me", "Me", None, "9", NOW - HOUR, "")),
    (0, MessageLine("sent", "acme", "101", "ann", "Ann", 1, "10", NOW, "")),
    (0, MessageLine("refused", "acme", "102", "", "=Bob", 2, None, NOW + HOUR, "X does not deliver.")),
]

PUBLISHED = PostNumbers(
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
    services=("acme", "acme_de"),
    started_at=NOW,
    finished_at=NOW + HOUR,
    targeted=2,
    sent=1,
    clicks=3,
    clicked=1,
    robot_clicks=9,
    cost=Decimal("0.2"),
    posts=(PUBLISHED, replace(PUBLISHED, x_id="124", part=2, deleted_at=NOW + DAY)),
    links=(LinkNumbers(1, "https://example.com/", "=Shop", "buy", 3, 9), LinkNumbers(2, "https://example.com/a")),
    clicks_by_hour=((NOW.replace(minute=0), 2), (NOW.replace(hour=10, minute=0), 1)),
)
NEWS = DeliveryNumbers(
    name=NAME,
    label="",
    kind=DeliveryKind.DM,
    state=DeliveryState.IN_PROGRESS,
    services=("acme",),
    started_at=NOW - DAY,
    targeted=2_060,
    sent=1_204,
    clicked=20,
    clicks=31,
    cost=Decimal("18.06"),
)
FUNNEL = Acquisition(
    "acme",
    "Acme | Coffee",
    followers=1_000,
    contacts=13,
    withdrawn=1,
    invitations=(
        InvitationReport("post-1", "A post", DeliveryKind.POST, Funnel(agreed=2, recovered=2)),
        InvitationReport("dm-1", "Come | closer", DeliveryKind.DM, Funnel(600, 40, 12, 11, 3), NOW, NOW + DAY),
    ),
)
NO_FUNNEL = Acquisition("acme_de", "Acme DE", followers=0, contacts=0)
SERVICE = ServiceStatistics(
    name="acme",
    label="Acme",
    timezone="UTC",
    days=(Day(date(2026, 11, 25), 4, 0, 0), Day(date(2026, 11, 26), 5, 2, 1)),
    posts=(PUBLISHED,),
    deliveries=1,
    acquisition=FUNNEL,
)
EMPTY_SERVICE = ServiceStatistics("acme_de", "", "UTC")
OVERVIEW = Overview(
    (
        ServiceLine(
            "acme",
            "Acme",
            followers=12_000,
            gained=5,
            lost=2,
            posts=1,
            messages=1_204,
            clicks=34,
            engagement=PUBLISHED.engagement,
            rate=0.005,
            spent=Decimal("1.5"),
        ),
        ServiceLine("acme_de", ""),
    ),
    (LAUNCH, NEWS),
)
SYNC_REPORTS = [
    SyncReport("acme", SyncState.FINISHED, 12_000, 5, 1, 2, 12, Decimal("12.00"), timedelta(seconds=61.2)),
    SyncReport("acme_de", SyncState.WAITING, goes_on_at=NOW, reason="The rate limit is reached."),
]
