"""A lead in a file, YAML or JSON: fields by name, checked against the workspace."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from leadloop.cli.languages import language_of
from leadloop.language import builtins
from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Mapping as MappingNode
from leadloop.language.nodes import Node, Scalar
from leadloop.language.plan import FieldSpec, Publication
from leadloop.language.reading import decode, read
from leadloop.language.suggest import Suggestion
from leadloop.leads.fields import READERS
from leadloop.leads.values import ValueProblemError, is_empty, read_declared, read_text

SUFFIXES = (".yaml", ".yml", ".json")
_INT, _TEXT = FieldSpec(type="int"), FieldSpec(type="text")
_NOTHING = frozenset({"", "~", "null"})


class LeadFileError(Exception):
    """A lead that can't be used for a preview. The message names the field, never its value."""


def read_lead_file(path: Path, publication: Publication) -> dict[str, Any]:
    """Return the lead in a file as templates see it. An empty file is a lead without any field.

    Raises `LeadFileError`, `OSError`.
    """
    data = path.read_bytes()
    document = _json(path, data) if path.suffix == ".json" else _yaml(path, data)
    if not isinstance(document, dict):
        raise LeadFileError(f"{path}: write fields of a lead: `family_name: 山田`")
    return {
        name: value
        for name, given in document.items()
        if (value := read_field(publication, name, given, str(path))) is not None
    }


def read_field(publication: Publication, name: str, given: object, where: str) -> Any:
    """Return a field's value by its type; None where it is empty. Raises `LeadFileError`."""
    workspace = publication.workspace
    if is_empty(given):
        return None
    if name == "company":
        facts = given if isinstance(given, Mapping) else {"name": given}
        return {one: _company_fact(one, value, where) for one, value in facts.items()}
    if name == "tags":
        return [_read(name, read_text, one, where) for one in (given if isinstance(given, list) else [given])]
    if name == "score":
        return _by_model(name, given, publication.scoring.models, _INT, where)
    if name == "band":
        return _by_model(name, given, publication.scoring.bands, _TEXT, where)
    if name in workspace.lead_fields:
        return _read(name, lambda value: read_declared(value, workspace.lead_fields[name]), given, where)
    if name in READERS:
        return _read(name, READERS[name], given, where)
    spec = {"cycle": _INT, "id": _TEXT, **builtins.LEAD_FIELDS}.get(name)
    if spec is None:
        known = [*builtins.LEAD_FIELDS, *workspace.lead_fields, "tags", "score", "band", "cycle"]
        raise LeadFileError(f"{where}: a lead has no field `{name}`; {Suggestion(name, known)}")
    return _read(name, lambda value: read_declared(value, spec), given, where)


def _company_fact(name: str, value: object, where: str) -> Any:
    kind = builtins.COMPANY_FACTS.get(name)
    if kind is None:
        raise LeadFileError(
            f"{where}: a company has no `{name}`; {Suggestion(name, list(builtins.COMPANY_FACTS))}"
        )
    spec = _INT if kind == "int" else _TEXT
    return (
        None
        if is_empty(value)
        else _read(f"company.{name}", lambda one: read_declared(one, spec), value, where)
    )


def _by_model(
    name: str, given: object, known: Collection[str], spec: FieldSpec, where: str
) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise LeadFileError(f"{where}: `{name}` is a map from a model to its {name}")
    for model in given:
        if model not in known:
            raise LeadFileError(f"{where}: there is no {name} of `{model}`; {Suggestion(model, list(known))}")
    return {
        model: _read(f"{name}.{model}", lambda one: read_declared(one, spec), value, where)
        for model, value in given.items()
    }


def _read(name: str, reader: Callable[[Any], Any], given: object, where: str) -> Any:
    try:
        return reader(given)
    except ValueProblemError as error:
        raise LeadFileError(f"{where}: `{name}`: {error}") from None


def _json(path: Path, data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig")) if data.strip() else {}
    except (ValueError, RecursionError) as error:
        raise LeadFileError(f"{path}: not a JSON document: {error}") from None


def _yaml(path: Path, data: bytes) -> Any:
    if not data.strip():
        return {}
    report = Report()
    source = decode(str(path), data, report)
    node = read(source, report) if source is not None else None
    if node is None or any(one.severity == "error" for one in report.diagnostics):
        problems = "\n\n".join(one.render(language_of()) for one in report.diagnostics)
        raise LeadFileError(problems or f"{path}: cannot be read")
    return _plain(node)


def _plain(node: Node) -> Any:
    if isinstance(node, Scalar):
        return None if node.plain and node.text in _NOTHING else node.text
    if isinstance(node, MappingNode):
        return {key.text: _plain(value) for key, value in node.entries}
    return [_plain(item) for item in node.items]
