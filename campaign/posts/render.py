"""Every part of a delivery for every account. Pure: the files were looked at before."""

from collections.abc import Sequence
from dataclasses import replace

from campaign.deliveries.draft import Draft, LoadedFile, NamedLink, Part, RenderedPart, Target
from campaign.deliveries.findings import Level, PlacedPart, Remark
from campaign.deliveries.kind import Files
from campaign.deliveries.links import countable
from campaign.deliveries.templating import JOIN_LINK, BrokenTemplate, Fields, UnknownField, render


def render_parts(
    draft: Draft, targets: Sequence[Target], files: Files, public_url: str = ""
) -> tuple[list[PlacedPart], list[Remark]]:
    """Returns the parts that can be rendered, account by account, and what is wrong with the others."""
    placed: list[PlacedPart] = []
    remarks: list[Remark] = []
    parts = draft.content.parts
    for target in targets:
        for number, part in enumerate(parts, start=1):
            rendered = _render(draft, target, number, part, files)
            if isinstance(rendered, Remark):
                remarks.append(rendered)
            else:
                linked = replace(rendered, links=_links(draft, target, rendered.text, public_url))
                placed.append(PlacedPart(target, linked, len(parts), len(part.media)))
    return placed, remarks


def _render(draft: Draft, target: Target, number: int, part: Part, files: Files) -> RenderedPart | Remark:
    try:
        text = render(part.text, _fields(draft, target))
    except UnknownField as error:
        return _refusal("unknown_field", number, target, error)
    except BrokenTemplate as error:
        return _refusal("broken_template", number, target, error)
    return RenderedPart(
        service_id=target.service_id,
        part=number,
        text=text,
        files=loaded(part, files),
        poll=part.poll,
        reply_settings=draft.content.reply_settings,
        paid_partnership=draft.content.paid_partnership,
    )


def _links(draft: Draft, target: Target, text: str, public_url: str) -> tuple[NamedLink, ...]:
    found = countable(text, draft.content.links, public_url, dict(target.fields))
    return tuple(one.model_copy(update={"url": url}) for url, one in found.items())


def _fields(draft: Draft, target: Target) -> Fields:
    invitation = {JOIN_LINK: target.join_link} if draft.is_invitation else {}
    return {"service": dict(target.fields), **invitation}


def _refusal(code: str, number: int, target: Target, error: UnknownField | BrokenTemplate) -> Remark:
    return Remark(
        Level.ERROR, code, number, f"cannot be personalised: {_uncapitalised(str(error))}", target.internal_name
    )


def _uncapitalised(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def loaded(part: Part, files: Files) -> tuple[LoadedFile, ...]:
    """Returns the files of a part that can be sent, each with the description that this part gives it."""
    found = [(files.get(item.source), item.alt_text) for item in part.media]
    return tuple(replace(file, alt_text=alt_text) for file, alt_text in found if isinstance(file, LoadedFile))
