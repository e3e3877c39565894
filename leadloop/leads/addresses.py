"""Mail addresses and phone numbers in the one form in which they are stored."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

FREE_MAIL_DOMAINS = frozenset(
    {
        "aol.com", "gmail.com", "googlemail.com", "gmx.de", "gmx.net", "hotmail.co.jp", "hotmail.com",
        "icloud.com", "live.com", "live.jp", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com",
        "outlook.com", "outlook.jp", "proton.me", "protonmail.com", "qq.com", "web.de", "yahoo.co.jp",
        "yahoo.com", "yahoo.ne.jp", "ymail.com", "zoho.com", "163.com", "126.com", "naver.com",
        # Japanese carriers and access providers
        "docomo.ne.jp", "ezweb.ne.jp", "au.com", "softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp",
        "ymobile.ne.jp", "uqmobile.jp", "rakumail.jp", "nifty.com", "biglobe.ne.jp", "ocn.ne.jp",
        "plala.or.jp", "dion.ne.jp", "so-net.ne.jp", "asahi-net.or.jp", "excite.co.jp", "infoseek.jp",
    }
)  # fmt: skip
"""Domains that say nothing about the company of the person."""

_LOOSE_DOMAINS = frozenset({"docomo.ne.jp", "ezweb.ne.jp"})
"""Carriers that once gave out local parts with dots at the ends or in a row, against RFC 5322."""

_LOOSE_LOCAL = re.compile(r"[A-Za-z0-9._?/+-]{1,64}")
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))
_LIMIT = 254
_EXTENSION = re.compile(r"(?:内線|ext\.?|extension|x|#).*$", re.IGNORECASE)
_DIGITS = range(6, 16)


class AddressError(ValueError):
    """A text that is not one mail address. The message says why, without the address."""


@lru_cache(maxsize=16_384)
def normalise_email(text: str) -> str:
    """Return one addr-spec (RFC 5322) in the form in which it is stored and mailed.

    NFKC, surrounding space and invisible characters removed, the domain in lower case and in ASCII
    (IDNA); the local part keeps its case and must be ASCII. No DNS look-up. Raises `AddressError`
    for anything else: lists, display names, quoted local parts, reserved domains.
    """
    folded = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).strip()
    if not folded:
        raise AddressError("the mail address is empty")
    if len(folded) > _LIMIT:
        raise AddressError(f"a mail address has at most {_LIMIT} characters")
    local, _, domain = folded.rpartition("@")
    if domain.lower() in _LOOSE_DOMAINS and _LOOSE_LOCAL.fullmatch(local):
        return f"{local}@{domain.lower()}"
    try:
        checked = validate_email(folded, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise AddressError(f"not a mail address: {error}") from None
    return checked.ascii_email or checked.normalized


def email_key(text: str) -> str:
    """Return an address as it is compared: normalised, all lower case.

    RFC 5321 lets local parts differ by case; people and mail systems don't. Raises `AddressError`.
    """
    return normalise_email(text).lower()


def domain_of(email: str) -> str:
    """Return the domain of a stored address."""
    return email.rpartition("@")[2].lower()


def company_domain(email: str | None) -> str | None:
    """Return the domain that stands for the person's company; None for free mail and carriers."""
    domain = domain_of(email) if email else ""
    return None if not domain or domain in FREE_MAIL_DOMAINS else domain


def normalise_phone(text: str) -> str | None:
    """Return the digits of a phone number, with a leading `+` where it had one.

    The extension is dropped. None where 6 to 15 digits (ITU-T E.164) don't remain.
    """
    folded = _EXTENSION.sub("", unicodedata.normalize("NFKC", text)).strip()
    digits = "".join(letter for letter in folded if letter in "0123456789")
    if len(digits) not in _DIGITS:
        return None
    return f"+{digits}" if folded.startswith("+") else digits
