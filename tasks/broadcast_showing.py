"""What people see of a broadcast in the Prefect UI: the preview before it goes out, its waves, and the report after."""

from collections.abc import Sequence

from prefect import runtime
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from campaign.domain.broadcast_preview import as_markdown
from campaign.domain.broadcast_reports import BroadcastReport
from campaign.domain.rendered import LoadedFile
from campaign.store import files
from tasks.aiming import Aim
from tasks.broadcast_progress import BroadcastProgress
from tasks.broadcast_reporting import report_on
from tasks.marking import load_files

__all__ = [
    "BroadcastProgress",
    "preview_text",
    "publish_preview",
    "publish_report",
    "publish_reports",
    "publish_wave_table",
    "report_on",
]


def preview_text(aim: Aim) -> str:
    """The preview as Markdown."""
    loaded = load_files(aim.draft).values()
    found = [files.thumbnail(file) for file in loaded if isinstance(file, LoadedFile)]
    return as_markdown(aim.delivery.name, aim.draft, aim.analysis, [small or b"" for small in found])


def publish_preview(aim: Aim) -> str:
    """Show the preview as an artifact of this run; returns it."""
    text = preview_text(aim)
    if _is_run():
        description = f"{aim.delivery.name} as people will get it. Nothing of it is out yet."
        create_markdown_artifact(text, key=f"preview-{aim.delivery.name}", description=description)
    return text


def publish_wave_table(report: BroadcastReport) -> None:
    """Show how far each wave is, one a row; there is no table of a single wave."""
    if len(report.waves) > 1 and _is_run():
        create_table_artifact(
            key=f"waves-{report.name}",
            table=[wave.as_row() for wave in report.waves],
            description=f"The waves of {report.name}.",
        )


def publish_report(report: BroadcastReport) -> None:
    """Show what came of one broadcast: its figures, its waves, and all of it with a picture."""
    publish_reports([report])


def publish_reports(reports: Sequence[BroadcastReport]) -> None:
    """Show what came of the broadcasts of this run."""
    rows = [row for report in reports for row in report.as_rows()]
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    if not _is_run():
        return
    create_table_artifact(
        key="dm-broadcast",
        table=[{name: row[name] for name in columns} for row in rows],
        description="What was sent. Cost is in US dollars, of the messages that are out.",
    )
    for report in reports:
        publish_wave_table(report)
        description = f"What came of {report.name}."
        create_markdown_artifact(report.as_markdown(), key=f"report-{report.name}", description=description)


def _is_run() -> bool:
    """Without a run around there is nobody to show an artifact to."""
    return runtime.flow_run.id is not None
