"""That every process of a workspace has the same secret.

With another one a process would look up addresses by other HMACs: it would make known people anew, and not
see who has refused or is kept out.
"""

from __future__ import annotations

import hmac

from sqlalchemy.exc import IntegrityError

from leadloop.keys import SecretError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Setting

_KEY = "secret"


def check_secret(env: Environment) -> None:
    """Raise `SecretError` where the database is used with another secret."""
    with env.database.read() as session:
        known = session.get(Setting, _KEY)
    if known is not None and not hmac.compare_digest(known.value["hash"], _hash(env)):
        raise SecretError(
            "this database is used with another secret: set LEADLOOP_SECRET to that of the other processes, "
            "or LEADLOOP_STATE to the folder with the file `secret`"
        )


def note_secret(env: Environment) -> None:
    """Note which secret the database is used with, where nothing is noted. Raises `SecretError` as above."""
    with env.database.read() as session:
        is_noted = session.get(Setting, _KEY) is not None
    if not is_noted:
        try:
            with env.database.write() as session:
                session.add(Setting(key=_KEY, value={"hash": _hash(env)}))
        except IntegrityError:  # another process was first
            pass
    check_secret(env)


def _hash(env: Environment) -> str:
    return env.keys.hash("secret", "check")
