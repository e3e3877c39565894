"""Headers that prove where a call comes from: Standard Webhooks 1.0, symmetric signatures, both ways."""

from __future__ import annotations

import base64
import binascii
import hmac

_PREFIX = "whsec_"
_MOST_SIGNATURES = 10


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
        headers["webhook-signature"] = _signature(call_id, str(seconds), body, secret)
    return headers


def is_signed_by(secret: str, call_id: str, timestamp: str, signatures: str, body: bytes) -> bool:
    """Return whether one of the signatures of a call that came in was made with the secret.

    `signatures` is the header `webhook-signature`: several, apart by spaces, while a secret is being
    changed. Compares in constant time; whether `timestamp` is recent is asked elsewhere.
    """
    right = _signature(call_id, timestamp, body, secret).encode()
    good = False
    for one in signatures.split()[:_MOST_SIGNATURES]:
        good |= hmac.compare_digest(right, one.encode())
    return good


def _signature(call_id: str, timestamp: str, body: bytes, secret: str) -> str:
    signed = b".".join((call_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode("ascii")


def _key(secret: str) -> bytes:
    """Return the key: Base64 after `whsec_`, as the standard writes secrets, else the text itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
