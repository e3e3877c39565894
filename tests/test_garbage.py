"""The collector in processes that run for long."""

from __future__ import annotations

import gc

from leadloop.garbage import freeze_what_is_loaded


def test_freezing_takes_what_is_loaded_out_of_collections() -> None:
    before = gc.get_freeze_count()
    try:
        freeze_what_is_loaded()
        assert gc.get_freeze_count() > before + 10_000
        assert len(gc.get_objects(generation=2)) < 10_000
    finally:
        gc.unfreeze()
