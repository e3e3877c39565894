"""Small workspaces for compiler tests: a valid one, and edits that break it in one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from leadloop.language.compiler import Compilation, compile_workspace

WORKSPACE = """\
workspace: acme
timezone: Asia/Tokyo
locale: ja
sender: {name: 株式会社アクメ, address: news@acme.example, postal_address: 東京都千代田区, \
complaint_contact: privacy@acme.example}
lead_fields:
  industry: {type: enum, values: [manufacturing, it]}
  employees: {type: int}
  purchase_timing: {type: date}
forms: {whitepaper: {title: 資料請求}, contact: {inquiry: true}}
tags: [vip]
events:
  form_submitted: {form: form}
  page_viewed: {path: text, seconds: int}
topics:
  nurture: {basis: [opt_in, customer]}
  service: {basis: [request], window: always, caps: exempt}
calendars:
  office: {holidays: JP, closed: [12-29..01-03], open: {mon-fri: 09:00-18:00}}
limits: {frequency: {nurture: 2 per 7 days}, send_window: {calendar: office}}
queues:
  inside-sales: {members: {sato@acme.example: {capacity: 50}}, calendar: office}
lost_reasons: {timing: 時期尚早, no_budget: 予算なし}
"""
SCORING = """\
models:
  engagement:
    rules:
      - {id: visit, event: page_viewed, points: 3, at_most: 1 per day}
      - {id: click, event: email_clicked, points: 5, at_most: 1 per message}
    decay: {half_life: 30 days}
    cap: 100
  fit:
    attributes:
      - {id: size, when: lead.employees >= 100, points: 20}
bands:
  engagement: {levels: {hot: 30, warm: 15, cold: 0}, hysteresis: 5}
"""
LIFECYCLE = """\
stages: [lead, mql, customer, recycled]
transitions:
  - {from: [lead, recycled], to: mql, when: lead.band.engagement == "hot"}
  - {from: any, to: customer, event: deal_won}
"""
STREAMS = """\
tips:
  items: [{template: tips/1}, {template: tips/2, when: 'lead.industry == "it"'}]
"""
SCENARIO = """\
scenario: welcome
topic: nurture
entry:
  - {event: form_submitted, form: whitepaper}
goal: {stage: mql}
steps:
  - id: thanks
    send: {template: mail/thanks, topic: service}
  - id: read
    await:
      - {event: email_clicked, of: thanks, go: tips}
    timeout: 5 days
  - id: case
    send: {template: mail/case}
  - id: tips
    stream: {of: tips, every: 2 weeks, on_exhausted: {exit: exhausted}}
"""
MAIL = """\
---
subject: こんにちは
---
{{ lead | addressee }}
本文です。
"""
LAYOUT = """\
<p>{{ content }}</p><p>{{ sender.name }} {{ sender.postal_address }} <a href='{{ unsubscribe_url }}'>x</a></p>
"""

FILES = {
    "scenarios/workspace.yaml": WORKSPACE,
    "scenarios/scoring.yaml": SCORING,
    "scenarios/lifecycle.yaml": LIFECYCLE,
    "scenarios/streams.yaml": STREAMS,
    "scenarios/welcome.yaml": SCENARIO,
    "templates/mail/thanks.ja.md": MAIL,
    "templates/mail/case.ja.md": MAIL,
    "templates/tips/1.ja.md": MAIL,
    "templates/tips/2.ja.md": MAIL,
    "templates/layouts/default.ja.html.j2": LAYOUT,
}


Files = dict[str, str | bytes | None]
"""Path below the workspace -> its new content; None leaves the file out."""


def write(folder: Path, files: Mapping[str, str | bytes | None] | None = None) -> Path:
    """Write the valid workspace with some files replaced, added, or (None) left out."""
    for path, text in {**FILES, **(files or {})}.items():
        if text is None:
            continue
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def compiled(folder: Path, files: Mapping[str, str | bytes | None] | None = None) -> Compilation:
    """Compile the valid workspace with some files changed."""
    return compile_workspace(write(folder, files))


def edited(path: str, old: str, new: str) -> Files:
    """Return one file of the valid workspace with one text replaced."""
    assert FILES[path].count(old) == 1, f"{old!r} must be in {path} once"
    return {path: FILES[path].replace(old, new)}


def scenario(steps: str, header: str = "") -> Files:
    """Return the valid scenario with other steps and more header."""
    head = SCENARIO.partition("steps:\n")[0]
    return {"scenarios/welcome.yaml": f"{head}{header}steps:\n{steps}"}
