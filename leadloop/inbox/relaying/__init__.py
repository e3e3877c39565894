"""Turning rows that are due into wakes, starts and events, at the pace that Temporal takes."""
