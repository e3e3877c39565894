"""`recycle: {until, cooldown}`: take a lost lead back into nurturing after a rest."""

from __future__ import annotations

from datetime import datetime

from leadloop.journey.calendar import add_span
from leadloop.journey.effects import BeginCycle, EndCooldown
from leadloop.journey.state import Again, BranchTaken, Cause, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, wait_for
from leadloop.language.plan import RecycleStep, Target, Until, WaitSpec


class RecycleHandler:
    """Rest until the date that sales gave, else a cool-down by reason; `bypass` events cut it short."""

    def enter(self, step: RecycleStep, walk: Walk) -> Target | Stop:
        cycle = walk.facts.values.get("lead.cycle", 0)
        if step.max_cycles is not None and isinstance(cycle, int) and cycle >= step.max_cycles:
            walk.say("recycle", cycle=cycle, max_cycles=step.max_cycles)
            return step.on_max
        until, why = self._until(step, walk)
        resets = tuple(model for model, policy in step.score.items() if policy == "reset")
        walk.effects.append(BeginCycle(step.id, until, resets))
        walk.say("recycle", until=until.isoformat(), because=why, resets=list(resets))
        return self._rest(step, walk, until)

    def resume(self, step: RecycleStep, walk: Walk, cause: Cause) -> Again | Stop:
        if isinstance(cause, BranchTaken) and cause.branch >= len(step.bypass):
            return self._moved(step, walk)  # the arm after the bypasses: the date is another
        walk.effects.append(EndCooldown(step.id))
        if isinstance(cause, BranchTaken):
            walk.say("recycle", bypass=cause.branch, event=cause.event_type)
            return Again(step.bypass[cause.branch].go)
        if isinstance(cause, TimedOut):
            return Again(step.next)
        raise HoldError(f"`{step.id}` waits for events and time only")

    def _moved(self, step: RecycleStep, walk: Walk) -> Again | Stop:
        """Rest until the new date; the cycle was counted and the scores were reset already."""
        until, why = self._until(step, walk)
        if until <= walk.now:
            walk.say("recycle", past=True, moved=True)
            walk.effects.append(EndCooldown(step.id))
            return Again(step.next)
        walk.effects.append(BeginCycle(step.id, until, ()))
        walk.say("recycle", until=until.isoformat(), because=why, moved=True)
        return self._rest(step, walk, until)

    def _rest(self, step: RecycleStep, walk: Walk, until: datetime) -> Stop:
        walk.set_phase("resting")
        return wait_for(until, *(walk.arm_branch(branch) for branch in step.bypass), *walk.follow(step.until))

    def _until(self, step: RecycleStep, walk: Walk) -> tuple[datetime, str]:
        """Return the end of the rest: the date; where it is past or unknown the cool-down from arrival.

        A date that is moved into the past while the lead rests ends the rest.
        """
        if step.until is not None:
            resolved = walk.resolved(WaitSpec(until=Until(fact=step.until)))
            resting = walk.state.phase == "resting"
            if resolved is not None and (resting or not resolved.past):
                return resolved.at, "date"
        reason = str(walk.facts.values.get("run.entry.reason", "default"))
        span = step.cooldown.get(reason, step.cooldown["default"])
        begun = walk.state.arrived_at or walk.now
        until = add_span(begun, span, walk.facts.zone, walk.facts.send_calendar)
        return until, reason if reason in step.cooldown else "default"
