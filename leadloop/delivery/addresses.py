"""One mail address, or none: the last check before an address reaches a header or the mail server."""

from __future__ import annotations

import re
from email.headerregistry import Address
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

_DOTTED = re.compile(r"([A-Za-z0-9._?/+-]{1,64})@(docomo\.ne\.jp|ezweb\.ne\.jp)", re.IGNORECASE)
_MAX_LENGTH = 254  # RFC 5321, 4.5.3.1.3


class AddressError(ValueError):
    """Text that is not exactly one mail address. The message does not repeat it."""


@lru_cache(maxsize=1024)
def checked_address(text: str) -> str:
    """Return the address as it goes to the mail server: ASCII, international domains as Punycode.

    Old addresses of Japanese carriers may have dots in a row or before the at-sign; their local part
    is quoted (RFC 5321, 4.1.2). Raises `AddressError`.
    """
    if len(text) > _MAX_LENGTH or not text.isprintable() or any(c in text for c in ' ,;<>()[]\\"'):
        raise AddressError("not exactly one mail address")
    if (dotted := _DOTTED.fullmatch(text)) and _is_loose(dotted[1]):
        return f'"{dotted[1]}"@{dotted[2].lower()}'
    try:
        checked = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        raise AddressError("not a valid mail address") from None
    if checked.ascii_email is None:
        raise AddressError("not a valid mail address")
    return checked.ascii_email


def header_address(address: str, name: str = "") -> Address:
    """Return a checked address for a header, with a display name (RFC 2047 when written).

    Raises `AddressError` for a name that holds control characters.
    """
    if not all(c.isprintable() for c in name):
        raise AddressError("the name holds control characters")
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local.strip('"'), domain=domain)


def _is_loose(local: str) -> bool:
    return ".." in local or local.startswith(".") or local.endswith(".")
