"""Carrying out what a turn decided, in the turn's transaction. One function per effect, by noun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadloop.inbox.apply import Application
from leadloop.inbox.effects import calls, consent, facts, lead, mail, recycling, sales, standing
from leadloop.inbox.effects.mail import asked_letter, find_message
from leadloop.inbox.effects.recycling import end_cooldown
from leadloop.inbox.turns.experiments import note_draw
from leadloop.journey import effects
from leadloop.storage.tables import Enrolment

__all__ = ["apply_effect", "asked_letter", "end_cooldown", "find_message"]

Note = dict[str, Any] | None
"""What an effect could not do: a line for the turn's trace."""

_FUNCTIONS: dict[type, Callable[[Application, Enrolment, Any], Note]] = {
    effects.AskMessage: mail.ask_message,
    effects.DropMessage: mail.drop_message,
    effects.Notify: mail.notify,
    effects.TellExit: mail.tell_exit,
    effects.TellOverdue: mail.tell_overdue,
    effects.AddScore: standing.add_score,
    effects.MoveStage: standing.move_stage,
    effects.SetFields: lead.set_fields,
    effects.ChangeTags: lead.change_tags,
    effects.Subscribe: consent.subscribe,
    effects.Unsubscribe: consent.unsubscribe,
    effects.SuppressTopics: consent.suppress_topics,
    effects.RecordFact: facts.record_fact,
    effects.EnrolIn: facts.enrol_in,
    effects.MakeOffer: sales.make_offer,
    effects.EscalateOffer: sales.escalate_offer,
    effects.AskStillWorking: sales.ask_still_working,
    effects.SetWorkBy: sales.set_work_by,
    effects.ExpireOffer: sales.expire_offer,
    effects.MakeTask: sales.make_task,
    effects.MarkOverdue: sales.mark_overdue,
    effects.WithdrawTask: sales.withdraw_task,
    effects.BeginCycle: recycling.begin_cycle,
    effects.EndCooldown: recycling.end_cooldown_of,
    effects.AskCall: calls.ask_call,
    effects.NoteDraw: note_draw,
}


def apply_effect(application: Application, enrolment: Enrolment, effect: effects.Effect) -> Note:
    """Carry out one effect; return a line for the trace where something stood against it.

    Raises `KeyError` for an effect type without a function.
    """
    return _FUNCTIONS[type(effect)](application, enrolment, effect)
