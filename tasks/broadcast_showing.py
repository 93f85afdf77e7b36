"""What people see of a broadcast in the Prefect UI: the preview before it goes out."""

from prefect import runtime
from prefect.artifacts import create_markdown_artifact

from campaign.domain.broadcast_preview import as_markdown
from campaign.domain.rendered import LoadedFile
from campaign.store import files
from tasks.aiming import Aim
from tasks.broadcast_progress import BroadcastProgress
from tasks.marking import load_files

__all__ = ["BroadcastProgress", "preview_text", "publish_preview"]


def preview_text(aim: Aim) -> str:
    """The preview as Markdown."""
    loaded = load_files(aim.draft).values()
    found = [files.thumbnail(file) for file in loaded if isinstance(file, LoadedFile)]
    return as_markdown(aim.delivery.name, aim.draft, aim.analysis, [small or b"" for small in found])


def publish_preview(aim: Aim) -> str:
    """Show the preview as an artifact of this run; returns it."""
    text = preview_text(aim)
    if runtime.flow_run.id is not None:
        description = f"{aim.delivery.name} as people will get it. Nothing of it is out yet."
        create_markdown_artifact(text, key=f"preview-{aim.delivery.name}", description=description)
    return text
