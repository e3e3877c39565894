"""The mails of a scenario as one person would get them: rendered, never stored, never tracked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.delivery.notices import internal_templates
from leadloop.delivery.preview_lead import Reader
from leadloop.delivery.render import Rendered, Renderer, RenderError
from leadloop.delivery.scope import mail_locales, template_context
from leadloop.language.plan import (
    ExperimentStep,
    NotifyStep,
    Plan,
    Publication,
    SendStep,
    StreamStep,
    Target,
)

INERT_URL = "https://test-mail.invalid/unsubscribe"
"""Where the unsubscribe link of a preview or test mail leads: nowhere (RFC 2606, `.invalid`)."""
MESSAGE_ID = "preview"


@dataclass(frozen=True)
class PlannedMail:
    """A mail that a step may send."""

    step: str
    template: str
    subject: str | None = None
    """Replaces the subject of the template."""
    title: str = ""
    part: str = ""
    """Which of the step's mails: `item 2 of tips`, `variant a of subject-test`."""
    internal: bool = False
    """To somebody of the house, by `notify`: in the workspace's language, without the legal lines."""


@dataclass(frozen=True)
class PreviewMail:
    """A planned mail with what rendering gave: its parts, or the problem."""

    planned: PlannedMail
    rendered: Rendered | None
    problem: str = ""
    """File, line and what is wrong; without values of the person."""


def planned_mails(publication: Publication, plan: Plan, step_id: str | None = None) -> list[PlannedMail]:
    """Return every mail of a scenario in the order of its steps, or those of one step."""
    arms = _arms(plan)
    return [
        mail
        for step in plan.steps.values()
        if step_id in (None, step.id)
        for mail in _mails_of(publication, step, arms.get(step.id, ""))
    ]


def preview(
    renderer: Renderer, publication: Publication, planned: Sequence[PlannedMail], reader: Reader
) -> list[PreviewMail]:
    """Render mails for a reader. A mail that can't be rendered carries its problem."""
    found = []
    for mail in planned:
        try:
            rendered = render_for(
                renderer, publication, mail.template, reader, subject=mail.subject, internal=mail.internal
            )
            found.append(PreviewMail(mail, rendered))
        except RenderError as error:
            found.append(PreviewMail(mail, None, error.message))
    return found


def render_for(
    renderer: Renderer,
    publication: Publication,
    template: str,
    reader: Reader,
    *,
    subject: str | None = None,
    internal: bool = False,
) -> Rendered:
    """Render one template for a reader, with an inert unsubscribe link. Raises `RenderError`."""
    locales = mail_locales(None if internal else reader.locale, publication.workspace)
    templates = internal_templates(publication) if internal else publication.templates
    context = preview_context(publication, reader)

    def render() -> Rendered:
        return renderer.render(templates, template, locales, context, subject=subject, untracked=[INERT_URL])

    try:
        return render()
    except RenderError as error:
        if error.code != "timeout":
            raise
    return render()  # once more: a busy machine can be slow, a bomb is slow each time


def preview_context(publication: Publication, reader: Reader) -> dict[str, Any]:
    """Return what templates see: every declared name, None where the reader has no value."""
    workspace = publication.workspace
    context = template_context(
        workspace,
        lead=reader.lead,
        company=reader.lead.get("company"),
        run=reader.run,
        message_id=MESSAGE_ID,
        unsubscribe_url=INERT_URL,
        models=publication.scoring.models,
        zone=reader.zone(workspace.timezone),
    )
    zone = reader.zone(workspace.timezone)
    _add_missing(context["run"], reader.run, zone)  # results of steps, which no file declares
    return context


def _add_missing(into: dict[str, Any], values: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Put nested values where there are none yet; instants become ISO 8601 text in the zone."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            _add_missing(into.setdefault(name, {}), value, zone)
        elif into.get(name) is None:
            at = value.astimezone(zone) if isinstance(value, datetime) else value
            into[name] = at.isoformat() if isinstance(at, date) else at


def _mails_of(publication: Publication, step: object, arm: str) -> Iterator[PlannedMail]:
    if isinstance(step, SendStep) and step.template is not None:
        yield PlannedMail(step.id, step.template, step.subject, step.title, arm)
    elif isinstance(step, SendStep | StreamStep):
        stream = publication.streams.get(step.stream or "")
        subject = step.subject if isinstance(step, SendStep) else None
        for number, item in enumerate(stream.items if stream is not None else (), start=1):
            part = f"item {number} of {step.stream}"
            yield PlannedMail(step.id, item.template, subject, step.title, f"{arm}, {part}" if arm else part)
    elif isinstance(step, NotifyStep):
        yield PlannedMail(step.id, step.template, None, step.title, f"to {step.to}", internal=True)


def _arms(plan: Plan) -> dict[str, str]:
    """Return which arm of an experiment each step belongs to."""
    found: dict[str, str] = {}
    for step in plan.steps.values():
        if isinstance(step, ExperimentStep):
            after = _reached(plan, [step.next])
            for variant in step.variants:
                for inside in _reached(plan, [variant.go]) - after:
                    found.setdefault(inside, f"variant {variant.name} of {step.id}")
    return found


def _reached(plan: Plan, targets: Sequence[Target]) -> set[str]:
    """Return the steps that follow these targets in the order that is written: by `next`."""
    seen: set[str] = set()
    queue = [target.step for target in targets]
    while queue:
        step = plan.steps.get(queue.pop() or "")
        if step is not None and step.id not in seen:
            seen.add(step.id)
            queue.append(step.next.step)
    return seen
