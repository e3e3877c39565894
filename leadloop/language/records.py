"""`records` of workspace.yaml: seminars, contracts, estimates and other things that are not people."""

from __future__ import annotations

from leadloop.language.builtins import RUN_FACTS
from leadloop.language.declarations import FIELD_TYPES, fields_of, read_short_spec
from leadloop.language.diagnostics import Report
from leadloop.language.fields import IDENTIFIER, Fields, named
from leadloop.language.nodes import Mapping, Node
from leadloop.language.plan import FieldSpec, RecordKind

OWNERS = ("lead", "company")
RESERVED = frozenset({*RUN_FACTS, "entry", "lead", "company", "form", *FIELD_TYPES})
"""Words that stand where the name of a record may stand: `per: lead`, `run.entry`, `{path: text}`."""
KEY = "key"
"""`run.<record>.key` names the record itself."""


def read_record(report: Report, node: Node, what: str) -> RecordKind | None:
    """Return one kind of record: whom it belongs to, and its fields."""
    fields = fields_of(report, node, what)
    if fields is None:
        return None
    owner = fields.choice("of", OWNERS)
    contact = fields.choice("contact", ("lead",))
    if contact is not None and owner != "company":
        report.add(
            "SCN112",
            fields.node.place,
            problem="`contact` names the person of a company's record",
            fix="write `of: company, contact: lead`, or `of: lead` alone",
        )
        contact = None
    specs = _specs(fields, what)
    fields.finish()
    return RecordKind.model_validate({"of": owner, "contact": contact, "fields": specs})


def _specs(fields: Fields, what: str) -> dict[str, FieldSpec]:
    node = fields.mapping("fields", "fields: {title: text, starts_at: datetime}")
    specs: dict[str, FieldSpec] = {}
    for key, value in node.entries if node is not None else []:
        if named(fields.report, key, f"a field of {what}", IDENTIFIER) is None:
            continue
        if key.text == KEY:
            fields.report.add(
                "SCN109",
                key.place,
                name=KEY,
                what=f"a field of {what}",
                fix="every record has a `key`: it names the record",
            )
            continue
        spec = read_short_spec(fields.report, value, f"`{key.text}` of {what}", {})
        specs[key.text] = spec or FieldSpec(type="text")
    return specs


def report_reserved_records(fields: Fields) -> None:
    """Report names of records that mean something else."""
    node = fields.node.get("records")
    for key, _ in node.entries if isinstance(node, Mapping) else []:
        if key.text in RESERVED:
            fields.report.add(
                "SCN109",
                key.place,
                name=key.text,
                what="a record",
                fix="the language uses this word; choose another",
            )
