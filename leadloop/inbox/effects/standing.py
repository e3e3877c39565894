"""Points and stages."""

from __future__ import annotations

from leadloop.inbox.apply import Application
from leadloop.journey import effects
from leadloop.language.plan import digest
from leadloop.scoring import lifecycle
from leadloop.storage.tables import Enrolment


def add_score(application: Application, enrolment: Enrolment, effect: effects.AddScore) -> None:
    model = application.publication.scoring.models.get(effect.model)
    if model is None:  # an older plan names a model that is no longer published
        return
    lead_id = application.lead.id
    application.reader.ledger.add(
        entry_key=f"{lead_id}:{effect.model}:{effect.step_id}:{enrolment.id}:{effect.visit}",
        model=effect.model,
        rule_id=f"step:{effect.step_id}",
        points=effect.points,
        ruleset_digest=digest(model)[:16],
        at=application.now,
        reason=effect.reason,
    )
    application.rescore({effect.model}, None)
    application.settle()


def move_stage(application: Application, enrolment: Enrolment, effect: effects.MoveStage) -> None:
    rules = application.publication.lifecycle
    if lifecycle.allowed(rules, application.lead.stage, effect.stage):
        application.move_stage(effect.stage, None)
        application.settle()
