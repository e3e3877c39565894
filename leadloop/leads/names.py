"""Cleansing of names and company names, Japanese and English.

NFKC (Unicode UAX #15) first: full-width letters and half-width kana become the usual ones, `㈱`
becomes `(株)`, an ideographic space becomes a space.
"""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"\s+")
_FORMS_JAPANESE = (
    "株式会社|有限会社|合同会社|合資会社|合名会社|相互会社|協同組合|監査法人|税理士法人"
    "|(?:一般|公益)?(?:社団|財団)法人|特定非営利活動法人|独立行政法人|国立大学法人|学校法人|医療法人|社会福祉法人|宗教法人"
    r"|\((?:株|有|同|合|資|名|一社|一財|公社|公財|社|財|学|医|福|特非|独)\)"
)
_FORMS_LATIN = (
    r"incorporated|inc|corporation|corp|limited|ltd|llc|llp|l\.l\.c|plc|gmbh|ag|kg|s\.?a\.?|n\.?v\.?|b\.?v\.?"
    r"|pty|k\.?k|g\.?k|co"
)
_JAPANESE_FORM = re.compile(rf"^(?:{_FORMS_JAPANESE})|(?:{_FORMS_JAPANESE})$")
_LATIN_FORM = re.compile(rf"(?:[\s,.]+)(?:{_FORMS_LATIN})\.?$")
_NOT_COMPARED = re.compile(r"[\s.,'’・&＆\-‐‑–—]+")
_CJK = re.compile(r"[぀-ヿ㐀-鿿豈-﫿]")


def clean_text(text: str) -> str:
    """Return the text in NFKC, without control and invisible characters, single-spaced."""
    folded = unicodedata.normalize("NFKC", text)
    visible = "".join(
        letter
        for letter in folded
        if letter.isspace() or unicodedata.category(letter) not in {"Cc", "Cf", "Cs"}
    )
    return _SPACES.sub(" ", visible).strip()


def company_key(name: str) -> str:
    """Return a company name as it is compared: lower case, without company form and punctuation.

    `㈱アクメ`, `アクメ 株式会社` and `（株）アクメ` have one key, and so have `Acme Inc.` and
    `ACME Co., Ltd.` A name that is nothing but a company form keeps it.
    """
    cleaned = clean_text(name).casefold()
    bare = cleaned
    while True:
        shorter = _LATIN_FORM.sub("", _JAPANESE_FORM.sub("", bare).strip()).strip()
        if shorter == bare or not shorter:
            break
        bare = shorter
    return _NOT_COMPARED.sub("", bare) or cleaned


def split_full_name(text: str) -> tuple[str, str]:
    """Split one cell with a whole name into (family name, given name).

    Names with kanji or kana are written family name first, others given name first. Without a
    space the whole text is the family name.
    """
    parts = clean_text(text).split(" ")
    if len(parts) == 1:
        return parts[0], ""
    if _CJK.search(text):
        return parts[0], " ".join(parts[1:])
    return parts[-1], " ".join(parts[:-1])
