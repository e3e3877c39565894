"""`POST /v1/forms/{form}`: what people enter on a web page, from a program or a browser."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import Session

from leadloop.inbox.ingestion.group_commit import GroupCommit
from leadloop.inbox.ingestion.ingest import IncomingEvent, IngestResult, ingest
from leadloop.language.plan import Workspace
from leadloop.language.suggest import Suggestion
from leadloop.leads.fields import READERS, read_identity
from leadloop.leads.visitors import VISITOR_ID, identify_visitor, is_visitor_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, EventKey, Lead
from leadloop.web.people import read_consent
from leadloop.web.problems import ProblemError, field_error, problem
from leadloop.web.rendering import Pages
from leadloop.web.strict_json import json_body

HONEYPOT = "website_url"
"""A field that people don't see. What fills it in is thanked, and nothing is recorded."""

_OWN = ("consent", "page", "id", "visitor")
_TEXT_LIMIT = 2000
_ID_LIMIT = 200
_FIELDS_LIMIT = 200
_NOT_UTF_8 = 'the form is not UTF-8: the page that sends it needs `accept-charset="UTF-8"` on the form'


@dataclass(frozen=True)
class _Entry:
    """A form as it was filled in, checked."""

    identity: dict[str, Any]
    properties: dict[str, Any]
    external_id: str | None
    visitor: str | None = None
    """The browser's id, where the page has the script."""


async def _fields(request: Request) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type == "application/x-www-form-urlencoded":
        return _gathered(_pairs(await request.body()))
    if media_type == "multipart/form-data":
        _check_encoding(await request.body())  # a file is refused, so all of it is text
        async with request.form(max_files=0, max_fields=_FIELDS_LIMIT) as form:
            return _gathered((name, one) for name, one in form.multi_items() if isinstance(one, str))
    value = await json_body(request)
    if not isinstance(value, dict):
        raise ProblemError(422, "a form is an object of fields")
    return value


def _pairs(body: bytes) -> Iterable[tuple[str, str]]:
    """Read names and values (URL standard, application/x-www-form-urlencoded), UTF-8 and nothing else."""
    try:
        text = _check_encoding(body)
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS_LIMIT, errors="strict")
    except UnicodeDecodeError:
        raise ProblemError(400, _NOT_UTF_8) from None
    except ValueError:
        raise ProblemError(400, f"a form has at most {_FIELDS_LIMIT} fields") from None


def _check_encoding(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise ProblemError(400, _NOT_UTF_8) from None


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return each field once; `consent`, which may be several boxes, as a list."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            raise ProblemError(422, "a text holds NUL", [field_error(name[:60].replace("\x00", "?"), "NUL")])
        if name == "consent":
            found.setdefault(name, []).append(value)
        elif name in found:
            raise ProblemError(422, "a field was sent twice", [field_error(name[:60], "sent twice")])
        else:
            found[name] = value
    return found


def forms_router(env: Environment, commits: GroupCommit, pages: Pages) -> APIRouter:
    """Return the route of the forms API."""
    router = APIRouter(prefix="/v1", tags=["forms"])

    @router.post("/forms/{form}", status_code=202)
    def post_form(
        form: str, request: Request, fields: Annotated[dict[str, Any], Depends(_fields)]
    ) -> Response:
        """Record an entry of a declared form. The person's fields, `consent`, `page` and `id`."""
        html = _from_browser(request)
        workspace = env.publications.current().publication.workspace
        if form not in workspace.forms:
            detail = f"no such form; {Suggestion(form[:60], workspace.forms)}"
            return pages.not_found(request) if html else problem(404, detail)
        if fields.get(HONEYPOT):
            return _thanks(request, pages, {"status": "accepted"})
        entry, errors = _read(form, fields, workspace)
        if errors or entry is None:
            return _refused(request, pages, form, errors)
        locks = entry.visitor or str(entry.identity.get("email", ""))
        result = commits.run(lambda session: _store(session, env, entry), locks)
        if result.erased:  # answered like any other: who was erased is nobody's business
            return _thanks(request, pages, {"status": "accepted"})
        if result.status == "invalid":
            return _refused(request, pages, form, [field_error(result.field, result.problem or "")])
        if result.status == "conflict":
            return problem(409, "this id was used for another entry", event=result.event_id)
        body = {"status": result.status, "event": result.event_id, "lead": result.lead_id,
                "duplicate": result.status == "duplicate"}  # fmt: skip
        return _thanks(request, pages, body)

    return router


def _from_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _thanks(request: Request, pages: Pages, body: dict[str, Any]) -> Response:
    if _from_browser(request):
        return pages.render(request, "thanks.html", status=202)
    return JSONResponse(body, 202)


def _refused(request: Request, pages: Pages, form: str, errors: list[dict[str, str]]) -> Response:
    if _from_browser(request):
        return pages.render(request, "form_refused.html", status=422, form=form, errors=errors)
    return problem(422, "the entry was not recorded", errors)


def _read(
    form: str, fields: dict[str, Any], workspace: Workspace
) -> tuple[_Entry | None, list[dict[str, str]]]:
    """Return the checked entry, or every problem of it at once."""
    allowed = [*READERS, *workspace.lead_fields, *_OWN]
    errors = [
        field_error(name[:60], f"unknown field; {Suggestion(name[:60], allowed)}")
        for name in fields
        if name not in allowed and name != HONEYPOT
    ]
    person = {name: value for name, value in fields.items() if name in allowed and name not in _OWN}
    read = read_identity(person, workspace)
    errors += [field_error(name, text) for name, text in read.problems.items()]
    identity = read.values
    if not (identity.get("email") or identity.get("phone") or read.problems):
        errors.append(field_error("email", "a mail address or a phone number is needed"))
    consent, problem_text = read_consent(fields.get("consent"), workspace)
    if problem_text:
        errors.append(field_error("consent", problem_text))
    elif consent:
        identity["consent"] = consent
    properties = {"form": form}
    external_id, page = fields.get("id") or None, fields.get("page") or None
    visitor = fields.get("visitor") or None
    if visitor is not None and not is_visitor_id(visitor):
        errors.append(field_error("visitor", VISITOR_ID))
    if external_id is not None and not _is_text(external_id, _ID_LIMIT):
        errors.append(field_error("id", f"a text of 1 to {_ID_LIMIT} characters"))
    if page is not None and not _is_text(page, _TEXT_LIMIT):
        errors.append(field_error("page", f"a text of at most {_TEXT_LIMIT} characters"))
    elif page is not None and "page" in workspace.events.get("form_submitted", {}):
        properties["page"] = page
    if errors:
        return None, errors
    return _Entry(identity, properties, external_id, visitor), []


def _is_text(value: Any, limit: int) -> bool:
    return isinstance(value, str) and len(value) <= limit and "\x00" not in value


def _store(session: Session, env: Environment, entry: _Entry) -> IngestResult:
    email = entry.identity.get("email")
    item = IncomingEvent(
        type="form_submitted",
        properties=entry.properties,
        email=email,
        lead_id=None if email else _lead_without_address(session, env, entry),
        identity={name: value for name, value in entry.identity.items() if name != "email"},
        external_id=entry.external_id,
        source="form",
        trust="verified",
    )
    result = ingest(session, env, [item])[0]
    if entry.visitor is not None and result.status == "accepted":
        lead = session.get_one(Lead, result.lead_id)
        identify_visitor(session, env, entry.visitor, lead, env.clock.now())
    return result


def _lead_without_address(session: Session, env: Environment, entry: _Entry) -> str:
    """Return a new lead for a phone-only entry, or the one that the same entry made before.

    A phone number does not name a person: a company shares one.
    """
    if entry.external_id:
        known = session.get(EventKey, ("form", entry.external_id))
        event = session.get(Event, known.event_id) if known else None
        if event is not None:
            return event.subject_id
    stages = env.publications.current(session).publication.lifecycle.stages
    lead = Lead(stage=stages[0], created_at=env.clock.now())
    session.add(lead)
    session.flush()
    return lead.id
