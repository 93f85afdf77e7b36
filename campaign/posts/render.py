"""Every part of a delivery for every account. Pure: the files were read before."""

from collections.abc import Sequence
from dataclasses import replace

from campaign.deliveries.draft import Draft, LoadedFile, Part, RenderedPart, Target
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
        invitation = {JOIN_LINK: target.join_link} if draft.is_invitation else {}
        fields: Fields = {"service": dict(target.fields), **invitation}
        for number, part in enumerate(parts, start=1):
            try:
                text = render(part.text, fields)
            except (UnknownField, BrokenTemplate) as error:
                code = "unknown_field" if isinstance(error, UnknownField) else "broken_template"
                sentence = str(error)
                rest = f"cannot be personalised: {sentence[:1].lower()}{sentence[1:]}"
                remarks.append(Remark(Level.ERROR, code, number, rest, target.internal_name))
                continue
            links = countable(text, draft.content.links, public_url, dict(target.fields))
            rendered = RenderedPart(
                service_id=target.service_id,
                part=number,
                text=text,
                files=loaded(part, files),
                poll=part.poll,
                reply_settings=draft.content.reply_settings,
                paid_partnership=draft.content.paid_partnership,
                made_with_ai=draft.content.made_with_ai,
                links=tuple(one.model_copy(update={"url": url}) for url, one in links.items()),
            )
            placed.append(PlacedPart(target, rendered, len(parts), len(part.media)))
    return placed, remarks


def loaded(part: Part, files: Files) -> tuple[LoadedFile, ...]:
    """Returns the files of a part that can be sent, each with the description that this part gives it."""
    found = [(files.get(item.source), item.alt_text) for item in part.media]
    return tuple(replace(file, alt_text=alt_text) for file, alt_text in found if isinstance(file, LoadedFile))
