"""Every diagnostic code at least once, at the right file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.messages import MESSAGES
from tests.language.workspaces import FILES, Files, compiled, edited, scenario

W, S, L, T, N = (
    f"scenarios/{name}.yaml" for name in ("workspace", "scoring", "lifecycle", "streams", "welcome")
)
MAIL = "templates/mail/thanks.ja.md"
G = "scenarios/segments.yaml"
ENROLS = (
    "scenario: b\ntopic: nurture\nentry: [{event: deal_lost}]\nsteps:\n  - {enrol: {scenario: welcome}}\n"
)
SAME = (
    "scenario: b\ntopic: nurture\nentry: [{event: form_submitted}]\nsteps:\n"
    "  - {id: a, send: {template: mail/case}}\n"
)
LAYOUT_FILE = "templates/layouts/default.ja.html.j2"
TO = "inside-sales"
TENTH = "{share: 10 %, steps: [{tag: vip}]}"
DRAW = "  - id: a\n    experiment: {{metric: {{did: email_clicked}}, variants: {{a: {}, b: {}}}{}}}\n"
SENDS_CASE = "  - id: a\n    send: {template: mail/case}\n"
LOST = (
    "scenario: a\ntopic: nurture\nentry: [{event: deal_lost}]\nsteps:\n"
    "  - {id: r, recycle: {cooldown: {default: 60 days}}}\n"
)

CASES: list[tuple[str, Files, str]] = [
    # code, changed files, where it is reported
    ("SCN001", {N: b"# " + b"x" * 300_000}, f"{N}:1:1"),
    ("SCN002", {N: "scenario: w\ntitle: 資料".encode("cp932")}, f"{N}:2:8"),
    ("SCN003", {N: "scenario: [a\n"}, f"{N}:2:1"),
    ("SCN004", edited(N, "topic: nurture\n", "topic: nurture\ntopic: service\n"), f"{N}:3:1"),
    ("SCN005", edited(N, "topic: nurture\n", "topic: &t nurture\n"), f"{N}:2:8"),
    ("SCN006", edited(N, "topic: nurture\n", "topic: !!str nurture\n"), f"{N}:2:8"),
    ("SCN007", edited(N, "    timeout: 5 days", "\ttimeout: 5 days"), f"{N}:12:1"),
    ("SCN008", {N: "[" * 5000}, f"{N}:1:51"),
    ("SCN009", edited(N, "topic: nurture\n", "topic: nur\x07ture\n"), f"{N}:2:11"),
    ("SCN010", {N: FILES[N] + "---\nmore: 1\n"}, f"{N}:17:1"),
    ("SCN011", {N: "# nothing\n"}, f"{N}:1:1"),
    ("SCN012", edited(N, "topic: nurture\n", "topic：nurture\n"), f"{N}:2:6"),
    ("SCN013", edited(N, "topic: nurture\n", "topic:　nurture\n"), f"{N}:2:7"),
    ("SCN014", edited(N, "goal:", 'audience: "vip" in lead.tags\ngoal:'), f"{N}:5:11"),
    ("SCN015", edited(N, "topic: nurture\n", "topic: {? [a] : b}\n"), f"{N}:2:11"),
    ("SCN016", {W: None}, f"{W}:1:1"),
    ("SCN017", {"scenarios/more.yml": "scenario: more"}, "scenarios/more.yml:1:1"),
    ("SCN018", {N: "".join(f"key{at}: x\n" for at in range(200))}, f"{N}:97:1"),
    ("SCN019", {N: f"steps: [{'x,' * 20_000}]"}, f"{N}:1:20003"),
    ("SCN101", edited(N, "goal:", "gaol:"), f"{N}:5:1"),
    ("SCN102", edited(N, "topic: nurture\n", "topic: [nurture]\n"), f"{N}:2:8"),
    ("SCN103", edited(N, "topic: nurture\n", ""), f"{N}:1:1"),
    ("SCN104", scenario("  - {exit: a}\n", "reentry: {mode: sometimes}\n"), f"{N}:6:17"),
    ("SCN105", scenario("  - {exit: a}\n", "priority: 012\n"), f"{N}:6:11"),
    ("SCN106", edited(W, "inquiry: true", "inquiry: yes"), f"{W}:9:55"),
    ("SCN107", edited(N, "timeout: 5 days", "timeout: 5 dayz"), f"{N}:12:14"),
    ("SCN109", edited(N, "scenario: welcome", "scenario: 1st"), f"{N}:1:11"),
    ("SCN111", edited(W, "news@acme.example", '"a@b.example, c@d.example"'), f"{W}:4:34"),
    ("SCN112", scenario("  - {exit: a}\n", "reentry: {mode: never, cooldown: 1 day}\n"), f"{N}:6:10"),
    ("SCN112", scenario("  - {exit: a}\n", "reentry: {mode: never, max: 2}\n"), f"{N}:6:10"),
    ("SCN113", scenario("  - {exit: a}\n", "title: ''\n"), f"{N}:6:8"),
    ("SCN201", edited(N, "form_submitted", "form_submited"), f"{N}:4:13"),
    ("SCN202", edited(S, "id: click", "id: visit"), f"{S}:5:9"),
    ("SCN203", edited(W, "  employees:", "  phone: {type: text}\n  employees:"), f"{W}:7:3"),
    (
        "SCN204",
        {
            W: FILES[W].replace("seconds: int}", "seconds: int}\n  moved: {path: int}"),
            N: FILES[N].replace("goal:", "  - {event: page_viewed}\n  - {event: moved}\ngoal:"),
        },
        f"{N}:6:5",
    ),
    ("SCN301", edited(N, "goal:", "audience: lead.employees >= 'many'\ngoal:"), f"{N}:5:26"),
    ("SCN302", edited(N, "goal:", "audience: lead.employes >= 10\ngoal:"), f"{N}:5:11"),
    ("SCN303", edited(N, "goal:", 'audience: lead.industry == "IT"\ngoal:'), f"{N}:5:28"),
    ("SCN304", edited(N, "{stage: mql}", "{when: lead.created_at < now}"), f"{N}:5:32"),
    ("SCN305", edited(N, "goal:", "audience: lead.employees > 1 and lead.in_sales\ngoal:"), f"{N}:5:30"),
    ("SCN306", edited(N, "goal:", "audience: lead.employees != null\ngoal:"), f"{N}:5:29"),
    ("SCN307", edited(N, "goal:", 'audience: lead.created_at < now - duration("30d")\ngoal:'), f"{N}:5:35"),
    ("SCN308", edited(N, "{stage: mql}", "{when: lead.score.fit > lead.employees}"), f"{N}:5:14"),
    ("SCN309", edited(N, "{stage: mql}", "{when: lead.company.score.fit > 50}"), f"{N}:5:14"),
    ("SCN310", edited(N, "{stage: mql}", "{when: {not: {did: page_viewed, within: 1 day}}}"), f"{N}:5:20"),
    ("SCN401", edited(N, "- id: case", "- id: thanks"), f"{N}:13:9"),
    ("SCN402", edited(N, "go: tips", "go: tpis"), f"{N}:11:48"),
    ("SCN403", edited(N, "    timeout: 5 days\n", ""), f"{N}:10:5"),
    ("SCN404", scenario(f"  - exit: b\n{SENDS_CASE}"), f"{N}:8:5"),
    ("SCN405", scenario(f"{SENDS_CASE}  - go: a\n"), f"{N}:7:5"),
    ("SCN406", edited(N, "of: thanks", "of: read"), f"{N}:11:36"),
    ("SCN407", {"scenarios/other.yaml": FILES[N]}, f"{N}:1:1"),
    (
        "SCN408",
        {"scenarios/a.yaml": LOST, "scenarios/b.yaml": LOST.replace("scenario: a", "scenario: b")},
        "scenarios/b.yaml:3:9",
    ),
    ("SCN409", scenario("  - send: {template: mail/case}\n"), f"{N}:7:5"),
    ("SCN410", edited(N, ", go: tips", ""), f"{N}:11:9"),
    ("SCN411", scenario("  - {stage: mql, exit: a}\n"), f"{N}:7:5"),
    ("SCN412", scenario("  - id: a\n    wait: 1 day\n  - go: a\n"), f"{N}:7:5"),
    ("SCN413", edited(N, "of: thanks, go: tips", "of: case, go: tips"), f"{N}:11:36"),
    ("SCN420", {G: "a: {when: {segment: b}}\nb: {when: {not: {segment: a}}}\n"}, f"{G}:1:1"),
    ("SCN421", {"scenarios/b.yaml": ENROLS}, "scenarios/b.yaml:5:24"),
    (
        "SCN422",
        {
            W: FILES[W] + "records: {seminar: {fields: {title: text}}}\n",
            N: FILES[N].replace("goal:", "per: seminar\ngoal:"),
        },
        f"{N}:4:5",
    ),
    ("SCN451", edited(N, "mail/case", "mail/cases"), f"{N}:14:22"),
    ("SCN452", {MAIL: "no front matter"}, f"{MAIL}:1:1"),
    ("SCN453", {MAIL: FILES[MAIL] + "{{ lead.nmae }}"}, f"{MAIL}:6:9"),
    ("SCN454", {MAIL: FILES[MAIL] + "{% if %}"}, f"{MAIL}:6:1"),
    ("SCN455", {MAIL: FILES[MAIL] + "{{ lead | adressee }}"}, f"{MAIL}:6:11"),
    ("SCN456", {MAIL: FILES[MAIL].replace("---\n{", "layout: plain\n---\n{")}, f"{MAIL}:3:1"),
    ("SCN457", {MAIL: FILES[MAIL] + "{{ run.entry.path }}"}, f"{MAIL}:6:4"),
    ("SCN501", scenario("  - id: a\n    hand_off: {to: inside-sales}\n"), f"{N}:7:5"),
    ("SCN502", scenario("  - id: a\n    recycle: {max_cycles: 3, on_max: {exit: b}}\n"), f"{N}:7:5"),
    ("SCN503", edited(N, "go: tips", "go: case"), f"{N}:9:5"),
    ("SCN504", edited(N, "goal:", "audience: lead.score.engagement >= 30\ngoal:"), f"{N}:5:36"),
    ("SCN505", edited(N, "go: tips}", "then: [{score: {model: engagement, points: 5}}]}"), f"{N}:11:51"),
    ("SCN506", edited(N, "exhausted}}", "exhausted}}\n  - exit: done"), f"{N}:17:5"),
    ("SCN507", edited(N, "goal:", "audience: lead.score.fit >= 21\ngoal:"), f"{N}:5:29"),
    ("SCN508", edited(S, "event: email_clicked", "event: email_opened"), f"{S}:12:30"),
    ("SCN509", scenario("  - id: a\n    stream: {of: tips, every: 1 day}\n"), f"{N}:7:5"),
    ("SCN510", {LAYOUT_FILE: "{{ content }}"}, f"{LAYOUT_FILE}:1:1"),
    ("SCN511", {MAIL: FILES[MAIL] + "{{ lead.family_name }}"}, f"{MAIL}:6:4"),
    (
        "SCN512",
        scenario("  - id: a\n    task: {type: call, to: owner, due: 1 day, outcomes: [x]}\n"),
        f"{N}:7:5",
    ),
    (
        "SCN513",
        scenario(DRAW.format(TENTH.replace("10", "0.5"), "{steps: [{tag: vip}]}", "")),
        f"{N}:7:5",
    ),
    ("SCN514", scenario(DRAW.format(TENTH, TENTH, ", rest: {after: 1 day, tie: a}")), f"{N}:7:5"),
    ("SCN515", scenario("  - repeat: {max: 3, steps: [{wait: 1 day}, {exit: b}]}\n"), f"{N}:7:5"),
    (
        "SCN516",
        scenario(
            f"  - id: b\n    task: {{type: call, to: {TO}, due: 1 day, outcomes: [refused]}}\n{SENDS_CASE}"
        ),
        f"{N}:7:5",
    ),
    ("SCN520", {**edited(N, ", topic: service", ""), "scenarios/b.yaml": SAME}, f"{N}:4:5"),
    ("SCN521", edited(W, "{mon-fri: 09:00-18:00}", "{mon: []}"), f"{W}:18:3"),
    ("SCN522", edited(W, ", complaint_contact: privacy@acme.example", ""), f"{W}:4:1"),
    ("SCN523", {N: FILES[N] + "allow: {SCN503: 比べるため}\n"}, f"{N}:17:9"),
]


@pytest.mark.parametrize(("code", "files", "place"), CASES, ids=[case[0] for case in CASES])
def test_code_is_reported_at_its_place(tmp_path: Path, code: str, files: Files, place: str) -> None:
    compilation = compiled(tmp_path, files)
    found = [f"{one.path}:{one.line}:{one.column}" for one in compilation.diagnostics if one.code == code]
    assert place in found, [one.render() for one in compilation.diagnostics]
    assert (compilation.publication is None) == bool(compilation.errors)
    assert bool(compilation.errors) == (MESSAGES[code].severity == "error")


def test_codes_all_have_a_case() -> None:
    assert sorted({case[0] for case in CASES}) == sorted(MESSAGES)
