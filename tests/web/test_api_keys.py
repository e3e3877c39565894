"""Keys at rest, and the ring that recognises them."""

from __future__ import annotations

import pytest

from leadloop.storage.environment import Environment
from leadloop.storage.tables import ApiKey, KeyKind
from leadloop.web.api_keys import (
    MAX_SIGNING,
    ApiKeyError,
    KeyRing,
    NewKey,
    Scope,
    create_key,
    list_keys,
    revoke_key,
    signing_secret,
)


def make_key(env: Environment, *scopes: Scope, signing: bool = False, name: str = "tests") -> NewKey:
    with env.database.write() as session:
        return create_key(session, env, name, scopes, env.clock.now(), signing=signing)


def test_key_is_kept_as_a_hash_only(env: Environment) -> None:
    bearer, signing = make_key(env, Scope.READ), make_key(env, signing=True)
    with env.database.read() as session:
        rows = {row.id: row.model_dump_json() for row in list_keys(session)}
    secret = bearer.secret.split("_", 2)[2]
    assert len(secret) >= 43
    assert bearer.secret.startswith(f"llk_{bearer.row.prefix}_")
    assert secret not in rows[bearer.row.id]
    assert bearer.row.secret_hmac not in ("", secret)
    assert signing.secret.startswith("whsec_")
    assert signing.secret.removeprefix("whsec_") not in rows[signing.row.id]
    assert signing.secret == signing_secret(env, signing.row.id)
    assert make_key(env, signing=True).secret != signing.secret


@pytest.mark.parametrize(
    ("name", "scopes", "signing", "text"),
    [
        ("", [Scope.READ], False, "name"),
        ("a\nb", [Scope.READ], False, "name"),
        ("n" * 101, [Scope.READ], False, "name"),
        ("n", [], False, "--scope"),
        ("n", [Scope.ADMIN], True, "ingest only"),
    ],
)
def test_key_is_refused(env: Environment, name: str, scopes: list[Scope], signing: bool, text: str) -> None:
    with pytest.raises(ApiKeyError, match=text):
        make_key(env, *scopes, signing=signing, name=name)


def test_number_of_signing_keys_is_bounded(env: Environment) -> None:
    keys = [make_key(env, signing=True) for _ in range(MAX_SIGNING)]
    with pytest.raises(ApiKeyError, match="revoke one first"):
        make_key(env, signing=True)
    with env.database.write() as session:
        revoke_key(session, keys[0].row.id, env.clock.now())
    assert make_key(env, signing=True).row.kind == KeyKind.SIGNING


def test_ring_recognises_a_key_and_nothing_else(env: Environment) -> None:
    key = make_key(env, Scope.READ)
    signing = make_key(env, signing=True)
    ring = KeyRing(env)
    assert ring.is_stale()
    ring.read()
    assert not ring.is_stale()
    caller = ring.bearer(key.secret)
    assert caller is not None
    assert caller.may(Scope.READ)
    assert not caller.may(Scope.SALES)
    for text in ("", key.row.prefix, key.secret[:-1], key.secret + "x", signing.secret, key.row.secret_hmac):
        assert ring.bearer(text) is None
    assert [one for one, _caller in ring.signers()] == [signing.secret]


def test_ring_reads_again_when_a_key_is_revoked(env: Environment) -> None:
    key = make_key(env, Scope.ADMIN)
    ring = KeyRing(env)
    ring.read()
    with env.database.write() as session:
        revoked = revoke_key(session, key.row.prefix, env.clock.now())
    assert revoked.revoked_at == env.clock.now()
    assert ring.is_stale()
    ring.read()
    assert ring.bearer(key.secret) is None
    assert ring.any_made


def test_ring_keeps_what_it_knows_while_the_database_is_away(env: Environment) -> None:
    key = make_key(env, Scope.READ)
    ring = KeyRing(env)
    ring.read()
    ApiKey.__table__.drop(env.database.engine)  # type: ignore[attr-defined]
    ring.read()
    assert ring.bearer(key.secret) is not None
    with pytest.raises(Exception, match="api_key"):
        KeyRing(env).read()


def test_revoking_an_unknown_key_is_refused(env: Environment) -> None:
    with env.database.write() as session, pytest.raises(ApiKeyError, match="no such key"):
        revoke_key(session, "x", env.clock.now())
