"""What people did to a journey stands in its lead's story, in both languages."""

from __future__ import annotations

from pathlib import Path

from leadloop.inbox.operations.commands import cancel_journey, pause_journey, resume_journey
from leadloop.inbox.operations.log import Caller
from leadloop.inbox.operations.scenarios import pause_scenario
from leadloop.storage.environment import Environment
from leadloop.web.story import story
from leadloop.web.text import Language
from tests.factories import ManualClock
from tests.inbox.operations.plays import BY, go, waiting
from tests.inbox.played import enter, row_of


def lines(env: Environment, lead_id: str, language: Language = "en") -> list[tuple[str, str]]:
    with env.database.read() as session:
        return [(one.text, one.detail) for one in story(session, env, lead_id, language)]


def test_story_tells_who_paused_resumed_and_cancelled(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    lead_id = row_of(env, journey_id).lead_id
    pause_journey(env, journey_id, Caller("sato", "asked by phone"))
    assert ("sato paused “play”", "asked by phone") in lines(env, lead_id)
    assert ("“play” is paused", "") in lines(env, lead_id)
    assert ("sato が「play」を一時停止", "asked by phone") in lines(env, lead_id, "ja")
    resume_journey(env, journey_id, BY)
    cancel_journey(env, journey_id, BY)
    texts = [text for text, _ in lines(env, lead_id)]
    assert texts.index("sato paused “play”") < texts.index("sato resumed “play”")
    assert "sato cancelled “play”" in texts
    assert "“play” is paused" not in texts


def test_pause_of_a_scenario_concerns_those_who_were_in_it(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    assert isinstance(env.clock, ManualClock)
    env.clock.advance(minutes=1)
    pause_scenario(env, "play", BY)
    env.clock.advance(minutes=1)
    later = enter(env, opt_in=True)
    go(env)
    assert "sato paused “play”" in [text for text, _ in lines(env, row_of(env, journey_id).lead_id)]
    assert "sato paused “play”" not in [text for text, _ in lines(env, later.lead_id)]
