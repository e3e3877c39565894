"""What people did to a lead's journeys, as lines of its story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmodel import Session

from leadloop.inbox.operations.log import operations_about
from leadloop.storage.tables import Enrolment, Operation
from leadloop.web.story_text import say
from leadloop.web.text import Language


def journey_operations(
    session: Session, journeys: Sequence[Enrolment], titles: dict[str, str], language: Language
) -> Iterator[tuple[Operation, str, str]]:
    """Yield each operation that concerned one of the journeys, with its sentence and its reason."""
    log = operations_about(session, journeys)
    for journey in journeys:
        title = titles.get(journey.scenario) or journey.scenario
        for row in log[journey.id]:
            yield row, _words(row, title, language), row.reason


def _words(row: Operation, title: str, language: Language) -> str:
    match row.action:
        case "pause":
            return say(language, "{by} paused “{title}”", by=row.by, title=title)
        case "resume":
            return say(language, "{by} resumed “{title}”", by=row.by, title=title)
        case "cancel":
            return say(language, "{by} cancelled “{title}”", by=row.by, title=title)
        case "retry":
            return say(language, "{by} let “{title}” try again", by=row.by, title=title)
        case "migrate":
            version = str(row.detail.get("version", ""))
            words = "{by} moves “{title}” to version {version}"
            return say(language, words, by=row.by, title=title, version=version)
    return f"{row.by}: {row.action}"
