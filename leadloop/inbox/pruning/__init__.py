"""Pruning: what is older than its retention leaves the tables, in small batches, and nothing changes.

Conditions, scores and waits give the same answers before and after: `asked` says what of the past they may
still ask for, `events` keeps it, `scoring.folding` adds up the ledger. The rest (`turns`, `keys`) is read by
people alone, or no longer.
"""
