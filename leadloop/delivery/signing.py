"""Headers that prove where a call comes from: Standard Webhooks 1.0, symmetric signatures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"


def signed_headers(call_id: str, seconds: int, body: bytes, secret: str | None) -> dict[str, str]:
    """Return the headers of one attempt; without a secret there is no signature.

    `seconds` is the real time since 1970: receivers refuse old ones.
    """
    headers = {
        "content-type": "application/json",
        "webhook-id": call_id,
        "webhook-timestamp": str(seconds),
    }
    if secret is not None:
        signed = b".".join((call_id.encode(), str(seconds).encode(), body))
        digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode("ascii")
    return headers


def _key(secret: str) -> bytes:
    """Return the key: Base64 after `whsec_`, as the standard writes secrets, else the text itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
