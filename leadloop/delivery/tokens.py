"""Signed tokens in the addresses of a mail: its pixel, its links, its unsubscribe page.

A token is the id of a row and a signature, nothing else; what it stands for stays in the database.
Each purpose has its own key, so a pixel's token is never good for unsubscribing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from itsdangerous import Signer

from leadloop.keys import Keys

_MAX_LENGTH = 100


class TokenError(ValueError):
    """A token that was not made here, was altered, or is for another purpose."""


class Tokens:
    """Makes and reads the tokens of one workspace. Ids are UUIDs, as `new_id` makes them."""

    def __init__(self, keys: Keys) -> None:
        self._open = _TokenKind(keys, "open-token")
        self._click = _TokenKind(keys, "click-token")
        self._unsubscribe = _TokenKind(keys, "unsubscribe-token")

    def open_token(self, message_id: str) -> str:
        """Return the token of a message's pixel."""
        return self._open.make(message_id)

    def read_open(self, token: str) -> str:
        """Return the message id. Raises `TokenError`."""
        return self._open.read(token)

    def click_token(self, link_id: str) -> str:
        """Return the token of a link."""
        return self._click.make(link_id)

    def read_click(self, token: str) -> str:
        """Return the link id. Raises `TokenError`."""
        return self._click.read(token)

    def unsubscribe_token(self, message_id: str) -> str:
        """Return the token of a message's unsubscribe page (RFC 8058)."""
        return self._unsubscribe.make(message_id)

    def read_unsubscribe(self, token: str) -> str:
        """Return the message id. Raises `TokenError`."""
        return self._unsubscribe.read(token)


class _TokenKind:
    def __init__(self, keys: Keys, purpose: str) -> None:
        self._signer = Signer(keys.key(purpose), salt=purpose, digest_method=hashlib.sha256)

    def make(self, row_id: str) -> str:
        packed = base64.urlsafe_b64encode(UUID(row_id).bytes).rstrip(b"=")
        return self._signer.sign(packed).decode("ascii")

    def read(self, token: str) -> str:
        packed = token.partition(".")[0]
        try:
            if len(token) > _MAX_LENGTH:
                raise ValueError
            row_id = str(UUID(bytes=base64.urlsafe_b64decode(packed.encode("ascii") + b"==")))
            # Compared with the one right spelling: Base64 has several for the same bytes.
            genuine = hmac.compare_digest(self.make(row_id).encode(), token.encode("ascii"))
        except (ValueError, binascii.Error):
            raise TokenError("the token can't be read") from None
        if not genuine:
            raise TokenError("the token has a wrong signature")
        return row_id
