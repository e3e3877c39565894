"""Problems and remedies of workspace.yaml, scoring.yaml, lifecycle.yaml, streams.yaml and templates."""

from __future__ import annotations

SHARED_FILES = {
    # workspace
    "`{days}` names a day that has hours already": "`{days}`には、すでに時間帯が書かれた曜日があります",
    "list several ranges: `mon-fri: [09:00-12:00, 13:00-18:00]`": (
        "時間帯はまとめて書いてください: `mon-fri: [09:00-12:00, 13:00-18:00]`"
    ),
    "no holidays are known for `{code}`; write a country code such as `JP`": (
        "`{code}`の祝日は分かりません。`JP`などの国コードを書いてください"
    ),
    # scoring
    "below {limit} a lead would have no band": "{limit}未満のリードのバンドが決まりません",
    "let the lowest level begin at 0": "一番低いバンドを0から始めてください",
    "with a hysteresis of {points} nobody leaves `{band}` downwards": (
        "ヒステリシスが{points}では、誰も`{band}`から下がりません"
    ),
    "make it smaller than the distance of the levels": "バンドの間隔より小さくしてください",
    "`{band}` and `{other}` begin at {limit}": "`{band}`と`{other}`がどちらも{limit}から始まります",
    "give each band its own limit": "バンドごとに別の境目を書いてください",
    "its cap is {cap}": "上限が{cap}点です",
    "its attributes make up {total} together": "属性ルールの合計が{total}点です",
    "a half-life has no business hours": "半減期に営業時間・営業日は使えません",
    "write `half_life: 30 days`": "`half_life: 30 days`と書いてください",
    "write `at_most: 1 per day`": "`at_most: 1 per day`と書いてください",
    # lifecycle and streams
    "a transition needs `event` or `when`": "ステージの移行には`event`か`when`が必要です",
    "an empty condition would mean always: say what moves the lead": (
        "条件が空だと常に移行します。リードが移る条件を書いてください"
    ),
    "`until` is before `from`": "`until`が`from`より前の日付です",
    "exchange the two dates": "二つの日付を入れ替えてください",
    # templates
    "write the path below `templates/` without language and ending: `tips/1`": (
        "`templates/`からのパスを、言語と拡張子を除いて書いてください: `tips/1`"
    ),
    "write `templates/{name}.{locale}.md`": "`templates/{name}.{locale}.md`を作ってください",
    "write `templates/{folder}{name}.{locale}.html.j2`": (
        "`templates/{folder}{name}.{locale}.html.j2`を作ってください"
    ),
    "begin the file with `---`, `subject: …`, `---`": (
        "ファイルの先頭に`---`、`subject: …`、`---`の3行を書いてください"
    ),
    "a template starts with front matter between two lines of ---": (
        "テンプレートは2本の`---`行の間の先頭部で始めてください"
    ),
    "the front matter is not closed by a line of ---": "先頭部が`---`の行で閉じられていません",
    "write `name: value`": "`name: value`の形で書いてください",
    "{name} is given twice": "{name}が2回書かれています",
    "`allow` names no lint with a reason": "`allow`に、理由の付いた警告コードがありません",
    "write `allow: {SCN511: reason}`": "`allow: {SCN511: 理由}`と書いてください",
    "`subject` is missing": "`subject`がありません",
    "add `subject: …`": "`subject: …`を加えてください",
    "there is no `{name}`": "`{name}`という項目はありません",
    "it is nested too deeply": "入れ子が深すぎます",
    "`{tag}` is not allowed": "`{tag}`は使えません",
}
