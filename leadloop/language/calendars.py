"""When mail may go: `calendars` and `limits` of workspace.yaml."""

from __future__ import annotations

from leadloop.language.declarations import fields_of
from leadloop.language.diagnostics import Report
from leadloop.language.fields import Fields, known_name, mapping, one_or_many, parsed
from leadloop.language.nodes import Node
from leadloop.language.plan import Calendar, Limits, SendWindow, Topic
from leadloop.language.spans import parse_closed, parse_frequency, parse_hours, parse_weekdays


def read_calendar(report: Report, node: Node, what: str) -> Calendar | None:
    """Return one calendar: holidays, closed days, opening hours."""
    fields = fields_of(report, node, what)
    if fields is None:
        return None
    opening: dict[int, tuple[tuple[str, str], ...]] = {}
    hours = fields.mapping("open", "open: {mon-fri: 09:00-18:00}")
    for key, value in hours.entries if hours is not None else []:
        days = parsed(report, key, "`open`", parse_weekdays) or ()
        ranges = [parsed(report, one, "`open`", parse_hours) for one in one_or_many(value)]
        for day in days:
            if day in opening:
                report.add(
                    "SCN112",
                    key.place,
                    problem=f"`{key.text}` names a day that has hours already",
                    fix="list several ranges: `mon-fri: [09:00-12:00, 13:00-18:00]`",
                )
            opening[day] = tuple(sorted(one for one in ranges if one is not None))
    if hours is not None and not hours.entries:
        report.add("SCN113", hours.place, what="`open`")
    closed = [parsed(report, one, "`closed`", parse_closed) for one in fields.sequence("closed")]
    holidays = fields.parsed("holidays", _country)
    fields.finish()
    return Calendar(holidays=holidays, closed=tuple(one for one in closed if one is not None), open=opening)


def _country(code: str) -> str:
    # The list of countries takes long to import; the common ones need none.
    if code in ("JP", "US", "GB", "DE", "FR", "SG", "KR", "TW", "CN", "IN", "AU"):
        return code
    from holidays import list_supported_countries

    if code not in list_supported_countries():
        raise ValueError(f"no holidays are known for `{code}`; write a country code such as `JP`")
    return code


def read_limits(fields: Fields, topics: dict[str, Topic], calendars: dict[str, Calendar]) -> Limits:
    """Return `limits`: caps per topic, the send window, when publishing asks."""
    node = fields.mapping("limits")
    if node is None:
        return Limits()
    limits = Fields(fields.report, node, "`limits`")
    frequency = {}
    caps = limits.mapping("frequency")
    for key, value in caps.entries if caps is not None else []:
        name = known_name(fields.report, key, "topic", (*topics, "all"))
        cap = parsed(fields.report, value, f"`{key.text}`", parse_frequency)
        if name is not None and cap is not None:
            frequency[name] = cap
    result = Limits(
        frequency=frequency,
        send_window=_send_window(limits, calendars),
        confirm_over=limits.integer("confirm_over", 0),
    )
    limits.finish()
    return result


def _send_window(limits: Fields, calendars: dict[str, Calendar]) -> SendWindow | None:
    node = limits.take("send_window")
    found = None if node is None else mapping(limits.report, node, "`send_window`")
    if found is None:
        return None
    fields = Fields(limits.report, found, "`send_window`")
    calendar = fields.known("calendar", "calendar", calendars, "calendar: office")
    zone = fields.choice("timezone", ("lead", "workspace")) or "lead"
    fields.finish()
    return None if calendar is None else SendWindow.model_validate({"calendar": calendar, "timezone": zone})
