"""Japanese of the words that readers put into messages: English text -> Japanese text.

`{name}` stands for what differs; the same names stand in both texts. Between backticks it is code
and stays as it is, elsewhere it is looked up in this table too. Imported only to print Japanese.
"""

from __future__ import annotations

from leadloop.language.phrases.entries import ENTRIES
from leadloop.language.phrases.libraries import LIBRARIES
from leadloop.language.phrases.matchers import MATCHERS
from leadloop.language.phrases.settings import SETTINGS
from leadloop.language.phrases.shared_files import SHARED_FILES
from leadloop.language.phrases.steps import STEPS
from leadloop.language.phrases.things import THINGS
from leadloop.language.phrases.times import TIMES

AREAS = (THINGS, SETTINGS, ENTRIES, STEPS, MATCHERS, SHARED_FILES, TIMES, LIBRARIES)

PHRASES: dict[str, str] = {english: text for area in AREAS for english, text in area.items()}
