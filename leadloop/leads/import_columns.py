"""Which column of an imported file means which lead field, in English and Japanese."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from leadloop.language.plan import RecordKind, Workspace
from leadloop.leads.csv_files import CsvFileError
from leadloop.leads.fields import READERS
from leadloop.leads.names import clean_text

FULL_NAME = "full_name"
FULL_KANA = "full_kana"
CONSENT = "consent"
KEY = "key"
COMPANY_PARTS = ("company_domain", "company_owner", "company_stage", "company_timezone")
"""Columns of a lead file that are about the lead's company."""
FIELD = "fields."
"""Before a record's own field, which may be called `key` or `email` too."""

_HEADINGS: Mapping[str, Sequence[str]] = {
    "email": ("メールアドレス", "メール", "Eメール", "e-mail", "mail", "email address", "mail address"),
    "family_name": ("姓", "氏", "苗字", "名字", "last name", "surname", "lastname"),
    "given_name": ("名", "first name", "firstname"),
    "family_kana": ("姓カナ", "姓(カナ)", "姓かな", "セイ", "姓フリガナ", "姓(フリガナ)", "last name kana"),
    "given_kana": ("名カナ", "名(カナ)", "名かな", "メイ", "名フリガナ", "名(フリガナ)", "first name kana"),
    FULL_NAME: ("氏名", "名前", "お名前", "担当者名", "担当者", "name", "full name", "contact name"),
    FULL_KANA: ("フリガナ", "ふりがな", "氏名カナ", "氏名(カナ)", "お名前(カナ)"),
    "honorific": ("敬称", "title", "salutation"),
    "company": ("会社名", "会社", "企業名", "法人名", "勤務先", "company name", "organization"),
    "department": ("部署", "部署名", "所属", "所属部署", "division"),
    "job_title": ("役職", "役職名", "肩書", "肩書き", "position", "role"),
    "phone": ("電話番号", "電話", "TEL", "固定電話", "phone number", "telephone"),
    "mobile": ("携帯電話", "携帯", "携帯番号", "携帯電話番号", "mobile phone", "cell phone"),
    "prefecture": ("都道府県", "都道府県名", "state", "province"),
    "country": ("国", "国名", "country code"),
    "timezone": ("タイムゾーン", "time zone"),
    "locale": ("言語", "language"),
    "source": ("流入元", "獲得元", "リードソース", "lead source"),
    "company_domain": ("会社ドメイン", "企業ドメイン", "ドメイン", "company domain", "website domain"),
    "company_owner": ("会社担当者", "企業担当者", "担当営業", "account owner"),
    "company_stage": ("会社ステージ", "企業ステージ", "取引状況", "account stage"),
    "company_timezone": ("会社タイムゾーン", "企業タイムゾーン", "company time zone"),
    CONSENT: ("同意", "メール同意", "配信同意", "配信許可", "メール配信", "メルマガ", "許諾", "opt-in"),
    KEY: ("キー", "レコードキー", "管理番号", "record key"),
    "industry": ("業種", "業界"),
    "employees": ("従業員数", "社員数", "従業員", "number of employees"),
    "budget_confirmed": ("予算確認", "予算確保"),
    "purchase_timing": ("導入時期", "導入予定", "購入時期"),
}  # fmt: skip
"""Field -> headings beside its own name. A workspace's field counts only where it is declared."""


_OF_A_COMPANY = {"owner": "担当者", "stage": "ステージ", "timezone": "タイムゾーン"}
"""Headings that mean something else in a file of leads."""


@dataclass(frozen=True)
class Columns:
    """Field -> position in the row, and the headings that nothing was made of."""

    positions: Mapping[str, int]
    ignored: tuple[str, ...]
    width: int


def map_columns(header: Sequence[str], workspace: Workspace) -> Columns:
    """Find the fields in a header. Raises `CsvFileError` without a mail column or with two of a kind."""
    columns = find_columns(header, _known_headings(workspace))
    if "email" not in columns.positions:
        raise CsvFileError(f"no column is headed `email` or `メールアドレス`; found: {_seen(header)}", 1)
    return columns


def map_record_columns(header: Sequence[str], kind: RecordKind) -> Columns:
    """Find a record's key, fields, lead and company in a header; its own fields win over the others.

    Raises `CsvFileError` without a key column or with two of a kind.
    """
    known = {_heading_key(text): name for name in (KEY, "email", "company") for text in _names(name)}
    known |= {_heading_key(name): f"{FIELD}{name}" for name in kind.fields}
    columns = find_columns(header, known)
    if KEY not in columns.positions:
        raise CsvFileError(f"no column is headed `key` or `キー`; found: {_seen(header)}", 1)
    return columns


def map_company_columns(header: Sequence[str]) -> Columns:
    """Find a company's values in a header. Raises `CsvFileError` without a name and a domain."""
    known = {_heading_key(text): "name" for text in ("name", *_names("company"))}
    for part in COMPANY_PARTS:
        name = part.removeprefix("company_")
        known |= {_heading_key(text): name for text in (name, *_names(part))}
    known |= {_heading_key(text): name for name, text in _OF_A_COMPANY.items()}
    columns = find_columns(header, known)
    if not {"name", "domain"} & columns.positions.keys():
        raise CsvFileError(
            f"no column is headed `name` or `会社名`, `domain` or `ドメイン`; found: {_seen(header)}", 1
        )
    return columns


def find_columns(header: Sequence[str], known: Mapping[str, str]) -> Columns:
    """Find columns by what they may be headed. Raises `CsvFileError` with two of a kind."""
    positions: dict[str, int] = {}
    ignored = []
    for position, heading in enumerate(header):
        field = known.get(_heading_key(heading))
        if field is None:
            if clean_text(heading):
                ignored.append(clean_text(heading))
            continue
        if field in positions:
            first = clean_text(header[positions[field]])
            raise CsvFileError(
                f"the columns `{first}` and `{clean_text(heading)}` both mean `{field}`; remove one", 1
            )
        positions[field] = position
    return Columns(positions, tuple(ignored), len(header))


def _seen(header: Sequence[str]) -> str:
    return ", ".join(clean_text(heading) for heading in header[:8])


def _known_headings(workspace: Workspace) -> dict[str, str]:
    fields = {*READERS, *COMPANY_PARTS, FULL_NAME, FULL_KANA, CONSENT, *workspace.lead_fields}
    known: dict[str, str] = {}
    for field in fields:
        for heading in _names(field):
            known.setdefault(_heading_key(heading), field)
    for field in workspace.lead_fields:  # the workspace's own names win
        known[_heading_key(field)] = field
    return known


def _names(field: str) -> Iterable[str]:
    return (field, *_HEADINGS.get(field, ()))


def _heading_key(heading: str) -> str:
    key = clean_text(heading).casefold()
    return "".join(letter for letter in key if letter not in " _-*:※")
