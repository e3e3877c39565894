"""`recycle: {until, cooldown}`: take a lost lead back into nurturing after a rest."""

from __future__ import annotations

from datetime import datetime

from leadloop.journey import calendar
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
        walk.set_phase("resting")
        return wait_for(until, *(walk.arm(branch.match) for branch in step.bypass))

    def resume(self, step: RecycleStep, walk: Walk, cause: Cause) -> Again:
        walk.effects.append(EndCooldown(step.id))
        if isinstance(cause, BranchTaken):
            walk.say("recycle", bypass=cause.branch, event=cause.event_type)
            return Again(step.bypass[cause.branch].go)
        if isinstance(cause, TimedOut):
            return Again(step.next)
        raise HoldError(f"`{step.id}` waits for events and time only")

    def _until(self, step: RecycleStep, walk: Walk) -> tuple[datetime, str]:
        if step.until is not None:
            resolved = calendar.resolve_wait(
                WaitSpec(until=Until(fact=step.until)),
                start=walk.now,
                zone=walk.facts.zone,
                calendar=walk.facts.send_calendar,
                fact=walk.facts.wait_fact,
            )
            if resolved is not None and not resolved.past:
                return resolved.at, "date"
        reason = str(walk.facts.values.get("run.entry.reason", "default"))
        span = step.cooldown.get(reason, step.cooldown["default"])
        return walk.after(span), reason if reason in step.cooldown else "default"
