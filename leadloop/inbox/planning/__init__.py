"""What publishing would change: steps, people on them, mails to expect, scenarios in each other's way."""

from __future__ import annotations
