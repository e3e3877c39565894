"""Which costly facts published expressions read, worked out once per publication and plan."""

from __future__ import annotations

import re
import weakref

from leadloop.language.plan import Plan, PlanModel, Publication

_COMPANY_SCORE = re.compile(r'"lead\.company\.score\.([^"]+)"')
_TEXTS = {"templates", "sources"}

_known: dict[int, tuple[weakref.ref[PlanModel], frozenset[str]]] = {}


def company_scores_read(read: Publication | Plan) -> frozenset[str]:
    """Return the models whose `lead.company.score.<model>` an expression in it reads.

    They cost a query over the company's people, so that they are facts only where somebody asks.
    """
    found = _known.get(id(read))
    if found is not None and found[0]() is read:
        return found[1]
    text = read.model_dump_json(exclude=_TEXTS if isinstance(read, Publication) else None)
    models = frozenset(_COMPANY_SCORE.findall(text))
    key = id(read)
    _known[key] = (weakref.ref(read, lambda _: _known.pop(key, None)), models)
    return models
