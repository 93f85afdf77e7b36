"""The files of the media library, as the pages of the desk show them."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from campaign.db.engine import read_session
from campaign.deliveries import media
from campaign.deliveries.draft import LIBRARY, LoadedFile, MediaItem
from campaign.deliveries.media import load, thumbnail
from campaign.deliveries.media_types import Unusable
from campaign.errors import WrongUsage
from campaign.web.desk.access import DeskRequest, desk_route
from models import Role

#: What is sent is what was checked, under the type that its bytes have: no browser takes it for a page, and a page that
#: was opened all the same could do nothing. Its address names its bytes, so that it never changes.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SMALL = 240


def routes() -> list[Route]:
    """Returns the routes of a file and of its small picture."""
    return [
        desk_route("/desk/library/{sha256}", show_file, Role.VIEWER),
        desk_route("/desk/library/{sha256}/small", show_small, Role.VIEWER),
    ]


def show_file(desk: DeskRequest) -> Response:
    """Sends a file of the library, or the stretch of it that a player asks for."""
    with read_session() as session:
        try:
            blob = media.find(session, desk.request.path_params["sha256"])
            copy = media.copy_of(session, blob)
        except (WrongUsage, Unusable):
            raise HTTPException(404) from None
    return FileResponse(copy.path, media_type=blob.media_type, filename=blob.name, headers=_HEADERS)


def show_small(desk: DeskRequest) -> Response:
    """Sends a small JPEG of a picture; a video has none."""
    with read_session() as session:
        try:
            blob = media.find(session, desk.request.path_params["sha256"])
        except WrongUsage:
            raise HTTPException(404) from None
    file = load(MediaItem(source=LIBRARY + blob.name))
    small = thumbnail(file, _SMALL) if isinstance(file, LoadedFile) else None
    if not small:
        raise HTTPException(404)
    name = f"{Path(blob.name).stem}.jpg"
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(small, media_type="image/jpeg", headers=headers)
