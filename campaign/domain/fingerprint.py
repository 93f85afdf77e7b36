"""The mark of a delivery: the same as long as nothing of what goes out, where, when and by whose word was changed."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from campaign.domain.drafts import Draft
from campaign.domain.rendered import LoadedFile, RenderedPart


def fingerprint(draft: Draft, rendered: Sequence[RenderedPart]) -> str:
    """64 hexadecimal digits of the delivery as it goes out; its label, code and description may change freely.

    The order of the accounts does not matter, that of the parts does, and files count by what is in them.
    """
    parts = sorted(rendered, key=lambda one: (one.service_id, one.part))
    document = {
        "kind": draft.kind.value,
        "contact_date": _moment(draft.contact_date),
        "validity_days": draft.validity_days,
        "proof_service": draft.proof_service,
        "approval": draft.approval.value,
        "tracking": draft.tracking,
        "parts": [_part(one) for one in parts],
    }
    return sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


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
