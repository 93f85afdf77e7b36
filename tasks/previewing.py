"""What people see of a delivery: the preview before it is out, and the report after."""

import time
from collections.abc import Sequence
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from campaign.domain.delivery_reports import DeliveryReport
from campaign.domain.preview import PostView, PreviewHead, view_of
from campaign.domain.preview_markdown import as_markdown
from campaign.store import files
from tasks.composing import Prepared
from tasks.twitter_service import block_name


def head_of(prepared: Prepared) -> PreviewHead:
    """What is said of the delivery as a whole."""
    analysis = prepared.analysis
    label = prepared.delivery.label or prepared.delivery.name
    return PreviewHead(label, prepared.delivery.name, analysis.cost, tuple(analysis.findings))


def views_of(prepared: Prepared) -> list[PostView]:
    """Every part on every account as X will show it."""
    targets = {target.service_id: target for target in prepared.targets}
    parts = len(prepared.draft.content.parts)
    times = {(one.service, one.part): one.at for one in prepared.analysis.timetable}
    return [
        view_of(
            targets[part.service_id],
            part,
            parts=parts,
            thumbnails=[files.thumbnail(file) for file in part.files],
            at=times.get((targets[part.service_id].internal_name, part.part)),
        )
        for part in prepared.rendered
    ]


def preview_text(prepared: Prepared) -> str:
    """The preview as Markdown."""
    return as_markdown(head_of(prepared), views_of(prepared))


def publish_preview(prepared: Prepared) -> str:
    """Show the preview as an artifact of this run; returns it."""
    text = preview_text(prepared)
    description = f"{prepared.delivery.name} as X will show it. Nothing of it is out yet."
    create_markdown_artifact(text, key=f"preview-{prepared.delivery.name}", description=description)
    return text


class UploadProgress:
    """A progress bar for what is uploaded to one account; there is none before anything is."""

    def __init__(self, handle: str) -> None:
        self._handle, self._next = handle, 0.0
        self._artifact: UUID | None = None

    def show(self, done: int, of: int) -> None:
        """Move the bar to so many bytes, at most once a second until all are there."""
        percent = round(100 * done / of, 1) if of else 100.0
        if self._artifact is None:
            key = f"upload-{block_name(self._handle)}"
            description = f"Files uploaded for @{self._handle}"
            self._artifact = create_progress_artifact(percent, key=key, description=description)  # type: ignore[assignment]
        elif done >= of or time.monotonic() >= self._next:
            update_progress_artifact(self._artifact, percent)
        self._next = time.monotonic() + 1


def publish_reports(reports: Sequence[DeliveryReport]) -> None:
    """Show what came of the deliveries of this run, and where the first post is."""
    rows = [{"Delivery": report.name, **line.as_row()} for report in reports for line in report.lines]
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    create_table_artifact(
        key="post-publication",
        table=[{name: row[name] for name in columns} for row in rows],
        description="What was published, part by part.",
    )
    for report in reports:
        if report.first_link:
            create_link_artifact(report.first_link, link_text=report.label or report.name, key=f"post-{report.name}")
