"""Keys for tokens and identity hashes, all derived from one secret of the workspace."""

from __future__ import annotations

import hmac


class SecretError(ValueError):
    """The secret is too short, or not that of the workspace."""


class Keys:
    """Purpose-separated keys: a token made for one purpose is never valid for another.

    Each key is HMAC-SHA256(secret, purpose), the extract-and-expand idea of RFC 5869 in one step,
    which is enough for 32-byte keys from a random secret.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise SecretError("LEADLOOP_SECRET needs at least 16 characters")
        self._secret = secret
        self._begun: dict[str, hmac.HMAC] = {}

    def key(self, purpose: str) -> bytes:
        """Return the 32-byte key for a purpose, for example `unsubscribe-token`."""
        return hmac.digest(self._secret, purpose.encode(), "sha256")

    def hash(self, purpose: str, value: str) -> str:
        """Return a hex HMAC of a personal value, so that it can be compared but not read.

        `purpose` is one of a few fixed words: their keys are kept.
        """
        begun = self._begun.get(purpose)
        if begun is None:
            begun = self._begun[purpose] = hmac.new(self.key(purpose), digestmod="sha256")
        # `hmac.digest` would let go of the interpreter for each value, and wait until others give it back.
        found = begun.copy()
        found.update(value.encode())
        return found.hexdigest()
