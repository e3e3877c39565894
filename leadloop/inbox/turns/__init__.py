"""Turns: why the next one may be taken, what it reads, and what it does."""
