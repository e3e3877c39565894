"""A process with another secret than the others is refused: it would know nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leadloop.cli.failures import explain
from leadloop.keys import Keys, SecretError
from leadloop.storage.environment import Environment
from leadloop.storage.secret import check_secret, note_secret


def test_secret_is_noted_once_and_another_one_is_refused(env: Environment) -> None:
    stranger = replace(env, keys=Keys(b"another secret, long enough"))
    check_secret(stranger)  # nobody has used this database yet
    note_secret(env)
    note_secret(env)
    check_secret(env)
    for refuse in (check_secret, note_secret):
        with pytest.raises(SecretError) as failed:
            refuse(stranger)
        assert "LEADLOOP_SECRET" in (explain(failed.value) or "")


def test_short_secret_is_explained() -> None:
    with pytest.raises(SecretError) as failed:
        Keys(b"short")
    assert "16 characters" in (explain(failed.value) or "")
