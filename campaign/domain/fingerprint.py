"""The mark of a delivery: the same as long as nothing of what goes out, where, when and by whose word was changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from campaign.domain.drafts import Draft
from campaign.domain.rendered import LoadedFile, RenderedPart

_NONE: Mapping[int, str] = MappingProxyType({})


def fingerprint(draft: Draft, rendered: Sequence[RenderedPart]) -> str:
    """64 hexadecimal digits of the delivery as it goes out; its label, code and description may change freely.

    The order of the accounts does not matter, that of the parts does, and files count by what is in them.
    """
    parts = sorted(rendered, key=lambda one: (one.service_id, one.part))
    document = {**_settings(draft), "proof_service": draft.proof_service, "parts": [_part(one) for one in parts]}
    return _mark(document)


def broadcast_fingerprint(
    draft: Draft,
    recipients_by_service: Mapping[int, int],
    unconsented: int,
    *,
    files: Sequence[LoadedFile] = (),
    opt_out_lines: Mapping[int, str] = _NONE,
) -> str:
    """64 hexadecimal digits of the broadcast: its text, whom it is for, how many that is on each service, its waves.

    Files count by where they are and, when given, by what is in them; opt-out lines by service.
    """
    document = {
        **_settings(draft),
        "content": draft.content.model_dump(mode="json", exclude={"links"}),
        "files": [_file(file) for file in files],
        "opt_out_lines": _by_service(opt_out_lines),
        "broadcast": draft.broadcast.model_dump(mode="json"),
        "priority": draft.priority.value,
        "recipients": _by_service(recipients_by_service),
        "unconsented": unconsented,
    }
    return _mark(document)


def _mark(document: Mapping[str, Any]) -> str:
    return sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _settings(draft: Draft) -> dict[str, Any]:
    """What a post and a broadcast have in common."""
    # Only where it is one, so that whatever was confirmed before there were any still is.
    invitation = {"is_invitation": True} if draft.is_invitation else {}
    untracked = sorted(one.url for one in draft.content.links if not one.tracked)
    return {
        **invitation,
        **({"untracked": untracked} if untracked else {}),
        "kind": draft.kind.value,
        "contact_date": _moment(draft.contact_date),
        "validity_days": draft.validity_days,
        "approval": draft.approval.value,
        "tracking": draft.tracking,
    }


def _by_service(values: Mapping[int, Any]) -> dict[str, Any]:
    return {str(service_id): value for service_id, value in values.items()}


def _moment(moment: datetime | None) -> str | None:
    """The same for the same moment in every time zone; without one, which the analysis refuses, as it was written."""
    if moment is None:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()


def _part(part: RenderedPart) -> dict[str, Any]:
    return {
        "service": part.service_id,
        "part": part.part,
        "text": part.text,
        "files": [_file(file) for file in part.files],
        "poll": part.poll and part.poll.model_dump(mode="json"),
        "reply_settings": part.reply_settings and part.reply_settings.value,
        "paid_partnership": part.paid_partnership,
    }


def _file(file: LoadedFile) -> dict[str, Any]:
    return {name: value for name, value in asdict(file).items() if name in {"sha256", "alt_text", "media_type", "kind"}}
