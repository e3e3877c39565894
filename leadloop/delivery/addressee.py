"""How a mail addresses its reader: 様, 御中 and ご担当者様 in Japanese, `Dear …` in English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SAMA = "様"
_ENDS_WITH_HONORIFIC = re.compile(r"(?:様|さま|先生)$")
_CONTACT_PERSON = re.compile(r"^(?:ご|御)?担当(?:者)?(?:様|さま)?$")
_ASCII_HONORIFICS = ("Mr.", "Ms.", "Mrs.", "Mx.", "Dr.", "Prof.")


def addressee(lead: Mapping[str, Any], locale: str) -> str:
    """Return the line that addresses a lead; `locale` is `ja`, `en` or a longer tag of them.

    Reads `family_name given_name honorific company department company_only`; `company` is a name or
    a mapping with `name`. Empty values are None or "". A person gets one honorific, never two; a desk
    without a name is ご担当者様; where only the company is known, it is 御中.
    """
    if locale.lower().partition("-")[0] == "ja":
        return _japanese(lead)
    return _english(lead)


def _japanese(lead: Mapping[str, Any]) -> str:
    company = _value(lead, "company").removesuffix("御中").rstrip()
    department = _value(lead, "department").removesuffix("御中").rstrip()
    name = "" if lead.get("company_only") else _name(lead, japanese=True)
    if name:
        return _joined(company, department, _with_honorific(name, _value(lead, "honorific")))
    if company and (lead.get("company_only") or not department):
        return _joined(company, department, "御中")
    return _joined(company, department, f"ご担当者{_SAMA}")


def _with_honorific(name: str, honorific: str) -> str:
    if _ENDS_WITH_HONORIFIC.search(name):
        return name
    if not honorific or honorific.isascii():
        honorific = _SAMA
    return f"{name} {honorific}"


def _english(lead: Mapping[str, Any]) -> str:
    name = "" if lead.get("company_only") else _name(lead, japanese=False)
    if not name:
        return "Dear customer"
    honorific = _value(lead, "honorific")
    known = next((title for title in _ASCII_HONORIFICS if title.rstrip(".") == honorific.rstrip(".")), "")
    return _joined("Dear", known, name)


def _name(lead: Mapping[str, Any], *, japanese: bool) -> str:
    family, given = _value(lead, "family_name"), _value(lead, "given_name")
    western = (family + given).isascii()
    if not western and not japanese:
        family, given = _ENDS_WITH_HONORIFIC.sub("", family), _ENDS_WITH_HONORIFIC.sub("", given)
    name = _joined(given, family) if western else _joined(family, given)
    bare = name.replace(" ", "")
    if _CONTACT_PERSON.match(bare) or not _ENDS_WITH_HONORIFIC.sub("", bare):
        return ""
    return name


def _value(lead: Mapping[str, Any], field: str) -> str:
    value = lead.get(field)
    if isinstance(value, Mapping):  # a company with its facts
        value = value.get("name")
    return " ".join(value.split()) if isinstance(value, str) else ""


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
