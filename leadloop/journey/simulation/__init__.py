"""A scenario played for a made-up lead, without a server or a database: what `leadloop try` shows.

- `play`: the clock, the agenda, and what happens; `journey`: the position, decided by `decide`
- `carrying`: what a turn brings about; `mails`, `permissions`: whether and when a mail may go
- `lead`, `ledger`, `past`, `records`: who the scenario is played for, and its points and past
- `coming`, `entering`: the lead made up for an entry, and how it enters; `fields`: values that fit
- `habits`, `choices`, `draws`: what the lead and sales do by themselves, and what a person decides
- `words`, `matcher_words`, `timeline`, `elsewhere`, `reach`: the lines
"""

from leadloop.journey.simulation.choices import OVERDUE, Choices, Deed
from leadloop.journey.simulation.play import simulate
from leadloop.journey.simulation.reach import Unreached, unreached
from leadloop.journey.simulation.timeline import BEHAVIOURS, Behaviour, Line, Timeline

__all__ = [
    "BEHAVIOURS", "OVERDUE", "Behaviour", "Choices", "Deed", "Line", "Timeline", "Unreached", "simulate",
    "unreached",
]  # fmt: skip
