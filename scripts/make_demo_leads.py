"""Make demo/leads.csv: invented people at invented companies, the same for the same seed.

    python scripts/make_demo_leads.py [--rows 200] [--seed 7] [--out demo/leads.csv]

All addresses are under `.example` (RFC 2606), all numbers are in ranges that Japanese and North
American carriers don't give out, so no mail or call can reach anybody.
"""

from __future__ import annotations

import argparse
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from random import Random

COLUMNS = (
    "email", "family_name", "given_name", "family_kana", "given_kana", "company_name", "department",
    "job_title", "phone", "prefecture", "country", "industry", "employees", "consent",
)  # fmt: skip
DEFAULT_OUT = Path(__file__).parent.parent / "demo" / "leads.csv"
DEFAULT_ROWS = 200
DEFAULT_SEED = 7
JAPANESE_SHARE = 0.7

FAMILIES = (
    ("佐藤", "サトウ", "sato"), ("鈴木", "スズキ", "suzuki"), ("高橋", "タカハシ", "takahashi"),
    ("田中", "タナカ", "tanaka"), ("伊藤", "イトウ", "ito"), ("渡邊", "ワタナベ", "watanabe"),
    ("山本", "ヤマモト", "yamamoto"), ("中村", "ナカムラ", "nakamura"), ("小林", "コバヤシ", "kobayashi"),
    ("加藤", "カトウ", "kato"), ("吉田", "ヨシダ", "yoshida"), ("山﨑", "ヤマザキ", "yamazaki"),
    ("髙木", "タカギ", "takagi"), ("長谷川", "ハセガワ", "hasegawa"), ("五十嵐", "イガラシ", "igarashi"),
    ("斎藤", "サイトウ", "saito"), ("林", "ハヤシ", "hayashi"), ("清水", "シミズ", "shimizu"),
    ("森", "モリ", "mori"), ("阿部", "アベ", "abe"), ("橋本", "ハシモト", "hashimoto"),
    ("石川", "イシカワ", "ishikawa"), ("前田", "マエダ", "maeda"), ("藤田", "フジタ", "fujita"),
)  # fmt: skip
GIVENS = (
    ("太郎", "タロウ", "taro"), ("花子", "ハナコ", "hanako"), ("健一", "ケンイチ", "kenichi"),
    ("美咲", "ミサキ", "misaki"), ("翔太", "ショウタ", "shota"), ("陽子", "ヨウコ", "yoko"),
    ("大輔", "ダイスケ", "daisuke"), ("由美", "ユミ", "yumi"), ("直樹", "ナオキ", "naoki"),
    ("恵", "メグミ", "megumi"), ("さくら", "サクラ", "sakura"), ("誠", "マコト", "makoto"),
    ("彩", "アヤ", "aya"), ("隆", "タカシ", "takashi"), ("真由美", "マユミ", "mayumi"),
    ("浩二", "コウジ", "koji"), ("莉子", "リコ", "riko"), ("拓也", "タクヤ", "takuya"),
)  # fmt: skip
COMPANIES = (
    ("株式会社アクメ精機", "acme-seiki", "manufacturing"),
    ("㈱みなと製作所", "minato-works", "manufacturing"),
    ("ひばり電子工業株式会社", "hibari-denshi", "manufacturing"),
    ("北斗ソリューションズ（株）", "hokuto-sol", "it"),
    ("合同会社クラウド堂", "cloud-do", "it"),
    ("株式会社ビットの森", "bitnomori", "it"),
    ("あおぞらシステム株式会社", "aozora-sys", "it"),
    ("株式会社さざなみ信託", "sazanami-trust", "finance"),
    ("つばめ信用組合", "tsubame-shinkumi", "finance"),
    ("株式会社まるやま百貨店", "maruyama-dept", "retail"),
    ("有限会社こまどり書店", "komadori-books", "retail"),
    ("カワセミ商事株式会社", "kawasemi", "retail"),
    ("株式会社やまびこ建設", "yamabiko-kensetsu", "other"),
    ("学校法人すずかけ学園", "suzukake", "other"),
    ("一般社団法人地域未来研究所", "chiiki-mirai", "other"),
    ("㈱そよかぜ物流", "soyokaze-logi", "other"),
    ("株式会社ほしぞら化学", "hoshizora-chem", "manufacturing"),
    ("株式会社つむぎデータ", "tsumugi-data", "it"),
)
ENGLISH_COMPANIES = (
    ("Northwind Robotics Inc.", "northwind-robotics", "manufacturing"),
    ("Bluebell Software Ltd.", "bluebell-software", "it"),
    ("Harbour & Finch LLP", "harbour-finch", "finance"),
    ("Quillfeather Retail Co., Ltd.", "quillfeather", "retail"),
    ("Larkspur Analytics GmbH", "larkspur-analytics", "it"),
    ("Copperleaf Foods Corp.", "copperleaf-foods", "other"),
    ("Tidewater Instruments", "tidewater-instruments", "manufacturing"),
)
ENGLISH_FAMILIES = (
    "Abbott", "Brennan", "Castillo", "Delgado", "Ekström", "Fournier", "Grant", "Haddad", "Iqbal", "Jensen",
    "Kowalski", "Lindqvist", "Müller", "Nakata", "O'Connor", "Patel", "Quinn", "Rossi", "Schmidt", "Tran",
)  # fmt: skip
ENGLISH_GIVENS = (
    "Alice", "Ben", "Chloé", "Daniel", "Emma", "Felix", "Grace", "Hugo", "Ines", "Jack", "Karin", "Liam",
    "Mona", "Noah", "Olivia", "Paul", "Ruth", "Samir", "Tessa", "Victor",
)  # fmt: skip

DEPARTMENTS = ("情報システム部", "総務部", "営業企画部", "マーケティング部", "経営企画室", "製造部", "購買部")
TITLES = ("部長", "課長", "係長", "主任", "取締役", "マネージャー", "担当")
ENGLISH_DEPARTMENTS = ("IT", "Operations", "Marketing", "Finance", "Procurement")
ENGLISH_TITLES = ("CTO", "Head of Operations", "Marketing Manager", "Buyer", "Engineer", "Managing Director")
PREFECTURES = (
    "東京都",
    "大阪府",
    "愛知県",
    "福岡県",
    "北海道",
    "神奈川県",
    "京都府",
    "広島県",
    "宮城県",
    "静岡県",
)
COUNTRIES = ("US", "GB", "DE", "SE", "SG", "FR")
SIZES = (8, 15, 30, 45, 80, 120, 200, 350, 600, 1200, 3000)


@dataclass(frozen=True)
class Employer:
    name: str
    domain: str
    industry: str
    employees: int
    place: str
    """Prefecture in Japan, country code elsewhere."""


def make_rows(count: int, seed: int) -> list[dict[str, str]]:
    """Return `count` rows with different addresses."""
    random = Random(seed)  # noqa: S311 - nothing secret
    japanese = [_employer(random, *company, PREFECTURES) for company in COMPANIES]
    english = [_employer(random, *company, COUNTRIES) for company in ENGLISH_COMPANIES]
    rows: dict[str, dict[str, str]] = {}
    while len(rows) < count:
        is_japanese = random.random() < JAPANESE_SHARE
        make = _make_japanese if is_japanese else _make_english
        row = make(random, random.choice(japanese if is_japanese else english))
        _blank_some(random, row)
        while row["email"] in rows:
            local, _, domain = row["email"].partition("@")
            row["email"] = f"{local}{random.randrange(2, 100)}@{domain}"
        rows[row["email"]] = row
    return list(rows.values())


def write_csv(rows: list[dict[str, str]]) -> bytes:
    """Return the file as spreadsheets read it best: UTF-8 with a byte order mark, CRLF."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _employer(random: Random, name: str, domain: str, industry: str, places: tuple[str, ...]) -> Employer:
    return Employer(name, f"{domain}.example", industry, random.choice(SIZES), random.choice(places))


def _make_japanese(random: Random, employer: Employer) -> dict[str, str]:
    family, family_kana, family_latin = random.choice(FAMILIES)
    given, given_kana, given_latin = random.choice(GIVENS)
    return {
        "email": _address(random, given_latin, family_latin, employer),
        "family_name": family,
        "given_name": given,
        "family_kana": family_kana,
        "given_kana": given_kana,
        "company_name": employer.name,
        "department": random.choice(DEPARTMENTS),
        "job_title": random.choice(TITLES),
        "phone": f"03-0000-{random.randrange(10000):04}",
        "prefecture": employer.place,
        "country": "JP",
        "industry": employer.industry,
        "employees": str(employer.employees),
        "consent": "yes",
    }


def _make_english(random: Random, employer: Employer) -> dict[str, str]:
    family, given = random.choice(ENGLISH_FAMILIES), random.choice(ENGLISH_GIVENS)
    latin = str.maketrans("éöü", "eou", "'")
    return {
        "email": _address(random, given.lower().translate(latin), family.lower().translate(latin), employer),
        "family_name": family,
        "given_name": given,
        "company_name": employer.name,
        "department": random.choice(ENGLISH_DEPARTMENTS),
        "job_title": random.choice(ENGLISH_TITLES),
        "phone": f"+1 555 01{random.randrange(100):02}",
        "country": employer.place,
        "industry": employer.industry,
        "employees": str(employer.employees),
        "consent": "yes",
    }


def _address(random: Random, given: str, family: str, employer: Employer) -> str:
    local = random.choice((f"{given}.{family}", f"{given[0]}.{family}", f"{family}-{given[0]}"))
    return f"{local}@{employer.domain}"


def _blank_some(random: Random, row: dict[str, str]) -> None:
    """Empty what people leave out, so that conditions meet unknown values."""
    for name, share in (
        ("department", 0.25), ("job_title", 0.2), ("phone", 0.4), ("industry", 0.2), ("employees", 0.25),
        ("prefecture", 0.2), ("company_name", 0.08), ("consent", 0.15), ("country", 0.3),
    ):  # fmt: skip
        if random.random() < share:
            row[name] = ""
    if random.random() < 0.06:
        row.update(dict.fromkeys(("family_name", "given_name", "family_kana", "given_kana"), ""))
    elif random.random() < 0.1:
        row.update(dict.fromkeys(("given_name", "family_kana", "given_kana"), ""))


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=DEFAULT_ROWS)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    arguments = parser.parse_args()
    arguments.out.write_bytes(write_csv(make_rows(arguments.rows, arguments.seed)))


if __name__ == "__main__":
    main()
