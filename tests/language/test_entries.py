"""Every form of entry, its settings, and what goes with `per`."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import (
    Cron,
    DateMatch,
    Entry,
    EventMatch,
    Frequency,
    InactiveMatch,
    ManualMatch,
    PropertyMatch,
    Schedule,
    ScheduleMatch,
    SegmentMatch,
    Span,
    StageMatch,
)
from tests.language.workspaces import FILES, Files, compiled

W, N, G = "scenarios/workspace.yaml", "scenarios/welcome.yaml", "scenarios/segments.yaml"
RECORDS = """\
records:
  seminar: {fields: {starts_at: datetime}}
  contract: {of: company, contact: lead, fields: {renews_on: date, status: text}}
  site: {of: company, fields: {opens_on: date}}
  estimate: {of: lead, fields: {valid_until: date}}
"""


def days(amount: int) -> Span:
    return Span(amount=amount, unit="days")


def files(entry: str, header: str = "") -> Files:
    text = (
        FILES[N]
        .replace("{event: form_submitted, form: whitepaper}", entry)
        .replace("goal:", f"{header}goal:")
    )
    events = "  seminar_registered: {seminar: seminar}\n  page_viewed:"
    return {
        W: FILES[W].replace("  page_viewed:", events) + RECORDS,
        N: text,
        G: "newsletter: {when: '!lead.in_sales'}\n",
    }


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        ("{stage: [mql, customer]}", Entry(match=StageMatch(stages=("mql", "customer")))),
        ("{segment: newsletter}", Entry(match=SegmentMatch(segment="newsletter"))),
        ("{inactive: 90 days}", Entry(match=InactiveMatch(after=days(90)))),
        ("{manual: true, start: case}", Entry(match=ManualMatch(), start="case")),
        (
            "{segment: newsletter, existing: include, limit: 500 per day}",
            Entry(
                match=SegmentMatch(segment="newsletter"),
                existing="include",
                limit=Frequency(count=500, per=days(1)),
            ),
        ),
        (
            "{date: contract.renews_on, before: 90 days, at: 10:00}",
            Entry(match=DateMatch(fact="contract.renews_on", offset=days(-90), at="10:00")),
        ),
        (
            "{date: lead.purchase_timing, after: 1 month}",
            Entry(match=DateMatch(fact="lead.purchase_timing", offset=Span(amount=1, unit="months"))),
        ),
        (
            "{date: estimate.valid_until, before: 3 business days}",
            Entry(match=DateMatch(fact="estimate.valid_until", offset=Span(amount=-3, unit="business_days"))),
        ),
        ("{date: estimate.valid_until}", Entry(match=DateMatch(fact="estimate.valid_until"))),
        (
            "{schedule: second tuesday 10:00, segment: newsletter}",
            Entry(
                match=ScheduleMatch(
                    schedule=Schedule(every="month", at="10:00", weekday=1, nth=2), segment="newsletter"
                )
            ),
        ),
        ("{schedule: daily 09:00}", Entry(match=ScheduleMatch(schedule=Schedule(every="day", at="09:00")))),
        (
            "{schedule: daily 09:00, zone: Asia/Tokyo}",
            Entry(match=ScheduleMatch(schedule=Schedule(every="day", at="09:00"), zone="Asia/Tokyo")),
        ),
        (
            '{schedule: "0 10 * * tue,thu", zone: Europe/Berlin, segment: newsletter}',
            Entry(
                match=ScheduleMatch(
                    schedule=Cron(cron="0 10 * * TUE,THU"), segment="newsletter", zone="Europe/Berlin"
                )
            ),
        ),
        (
            "{event: band_changed, model: engagement, to: hot}",
            Entry(
                match=EventMatch(
                    event="band_changed",
                    properties=(
                        PropertyMatch(name="model", values=("engagement",)),
                        PropertyMatch(name="to", values=("hot",)),
                    ),
                )
            ),
        ),
    ],
)
def test_entry_is_compiled(tmp_path: Path, written: str, entry: Entry) -> None:
    assert compiled(tmp_path, files(written)).require().plans["welcome"].entry == (entry,)


def test_header_speaks_for_entries_that_do_not(tmp_path: Path) -> None:
    entries = "{inactive: 90 days}\n  - {inactive: 30 days, existing: exclude, limit: 5 per hour}"
    header = "existing: include\nlimit: 500 per day\n"
    first, second = compiled(tmp_path, files(entries, header)).require().plans["welcome"].entry
    assert (first.existing, first.limit) == ("include", Frequency(count=500, per=days(1)))
    assert (second.existing, second.limit) == (
        "exclude",
        Frequency(count=5, per=Span(amount=1, unit="hours")),
    )


def test_people_of_one_company(tmp_path: Path) -> None:
    entry = "{event: page_viewed, path: /pricing*, people: 3, within: 14 days}"
    plan = compiled(tmp_path, files(entry, "per: company\n")).require().plans["welcome"]
    assert (plan.per, plan.entry[0].people, plan.entry[0].within) == ("company", 3, days(14))
    alone = entry.replace("people: 3", "people: 1")
    assert [one.code for one in compiled(tmp_path, files(alone, "per: company\n")).errors] == ["SCN105"]


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        ("{segmnt: newsletter}", "SCN112", "`segment: …`"),
        ("{segment: newsleter}", "SCN201", "did you mean `newsletter`?"),
        ("{stage: mql, segment: newsletter}", "SCN112", "write two entries"),
        ("{when: lead.in_sales}", "SCN112", "declare a segment"),
        ("{inactive: 90 dayz}", "SCN107", "90 days"),
        ("{inactive: 90 hours}", "SCN112", "calendar days"),
        ("{inactive: 5 business days}", "SCN112", "calendar days"),
        ("{date: contract.renews}", "SCN201", "did you mean `contract.renews_on`?"),
        ("{date: contract.status}", "SCN201", "`contract.renews_on`"),
        ("{date: lead.industry}", "SCN201", "`lead.purchase_timing`"),
        ("{date: seminar.starts_at}", "SCN112", "belongs to nobody"),
        ("{date: site.opens_on}", "SCN112", "contact: lead"),
        ("{date: contract.renews_on, before: 1 day, after: 1 day}", "SCN112", "keep one"),
        ("{date: contract.renews_on, before: 3 hours}", "SCN112", "calendar days"),
        ("{date: contract.renews_on, at: 9am}", "SCN107", "09:00"),
        ("{schedule: secnd tuesday 10:00}", "SCN107", "did you mean `second tuesday 10:00`?"),
        ("{schedule: daily 09:00, segment: nl}", "SCN201", "newsletter"),
        ("{schedule: daily 09:00, zone: Asia/Tokio}", "SCN201", "Asia/Tokyo"),
        ('{schedule: "0 10 30 2 *"}', "SCN107", "never comes"),
        ("{schedule: daily 09:00, existing: include}", "SCN112", "no meaning"),
        ("{event: page_viewed, existing: include}", "SCN112", "enter by a segment"),
        ("{manual: yes}", "SCN106", "true"),
        ("{manual: false}", "SCN112", "remove the entry"),
        ("{inactive: 90 days, at: 09:00}", "SCN101", "`at`"),
        ("{inactive: 90 days, limit: many}", "SCN107", "2 per 7 days"),
        ("{inactive: 90 days, start: csae}", "SCN402", "did you mean `case`?"),
        ("{event: page_viewed, people: 3, within: 14 days}", "SCN112", "per: company"),
        ("{event: page_viewed, people: 3}", "SCN112", "without `within`"),
        ("{stage: mql, people: 3, within: 14 days}", "SCN112", "goes with an event"),
    ],
)
def test_entry_is_refused(tmp_path: Path, written: str, code: str, words: str) -> None:
    errors = compiled(tmp_path, files(written)).errors
    assert [one.code for one in errors] == [code], [one.render() for one in errors]
    assert words in errors[0].render()


@pytest.mark.parametrize(
    ("per", "written", "fine"),
    [
        ("seminar", "{event: seminar_registered}", True),
        ("seminar", "{manual: true}", True),
        ("seminar", "{event: page_viewed}", False),
        ("seminar", "{segment: newsletter}", False),
        ("seminar", "{date: contract.renews_on}", False),
        ("contract", "{date: contract.renews_on}", True),
        ("contract", "{date: lead.purchase_timing}", False),
        ("company", "{date: contract.renews_on}", True),
        ("company", "{date: site.opens_on}", True),
        ("company", "{segment: newsletter}", True),
    ],
)
def test_entry_names_the_record_of_the_journey(tmp_path: Path, per: str, written: str, fine: bool) -> None:
    errors = compiled(tmp_path, files(written, f"per: {per}\n")).errors
    assert [one.code for one in errors] == ([] if fine else ["SCN422"])


def test_unknown_unit_is_refused(tmp_path: Path) -> None:
    error = compiled(tmp_path, files("{manual: true}", "per: semnar\n")).errors[0]
    assert (error.code, error.hint) == ("SCN201", "did you mean `seminar`?")
