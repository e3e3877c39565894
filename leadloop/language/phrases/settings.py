"""Problems and remedies of settings, steps and files."""

from __future__ import annotations

SETTINGS = {
    # suggestions
    "did you mean `{name}`?": "`{name}`ではありませんか？",
    "did you mean `{name}`? (one of: {listed})": "`{name}`ではありませんか？(候補: {listed})",
    "none is declared": "まだ一つも定義されていません",
    "known: {names}": "使えるもの: {names}",
    "known: {names}, …": "使えるもの: {names}など",
    "for example `{example}`": "例: `{example}`",
    "for example `default: 60 days`": "例: `default: 60 days`",
    "`{one}` or {rest}": "`{one}`または{rest}",
    "`{one}` and {rest}": "`{one}`と{rest}",
    # names and numbers
    "write lower-case letters, digits and `_`": "英小文字・数字・`_`で書いてください",
    "write letters, digits, `-` and `_`, a letter first": "英字で始め、英数字・`-`・`_`で書いてください",
    "conditions use this word; choose another": "この語は条件で使われます。別の名前にしてください",
    "the language uses this word; choose another": "この語は予約されています。別の名前にしてください",
    "scenarios use this word beside events; choose another": (
        "この語はシナリオでイベントと並べて使われます。別の名前にしてください"
    ),
    "write digits only, without a leading zero or a point": ("先頭の0や小数点のない数字だけで書いてください"),
    "write it without quotes": "引用符を付けずに書いてください",
    " of at least {least}": "{least}以上の",
    " and at most {most}": "{most}以下の",
    " of at least {least} and at most {most}": "{least}以上{most}以下の",
    # files
    "`leadloop new workspace NAME` writes a first one": (
        "`leadloop new workspace NAME`で最初のひな形を作れます"
    ),
    "it is a folder": "フォルダーです",
    "its name has a control character": "名前に制御文字が含まれています",
    "it is not an ordinary file": "通常のファイルではありません",
    "it is in a subfolder": "サブフォルダーにあります",
    "its name does not end in `.yaml`": "ファイル名の末尾が`.yaml`ではありません",
    "keep scenarios in `scenarios/NAME.yaml`": "シナリオは`scenarios/NAME.yaml`に置いてください",
    "its name does not end in `.md` or `.html.j2`": "ファイル名の末尾が`.md`でも`.html.j2`でもありません",
    "rename or remove it": "名前を変えるか、削除してください",
    "its name has no language": "ファイル名に言語がありません",
    "name it `{name}.{locale}.md`": "ファイル名を`{name}.{locale}.md`にしてください",
    # scenarios
    "`cooldown` has no meaning with `mode: never`": "`mode: never`では`cooldown`に意味がありません",
    "`max` has no meaning with `mode: never`": "`mode: never`では`max`に意味がありません",
    "remove it, or write `mode: after_exit`": "削除するか、`mode: after_exit`と書いてください",
    "end one of them with `exit`, and let an event begin it again": (
        "どちらかを`exit`で終え、次はイベントで始まるようにしてください"
    ),
    "write `exit: OUTCOME` instead of `go`": "`go`の代わりに`exit: OUTCOME`と書いてください",
    "write `{exit: OUTCOME}`": "`{exit: OUTCOME}`と書いてください",
    "remove it, or give it an `id` and jump to it": "削除するか、`id`を付けてそこへ飛んでください",
    "remove it, or jump to it with `go: {id}`": "削除するか、`go: {id}`でそこへ飛んでください",
    "this step does nothing": "このステップは何もしません",
    "steps: {names}": "ステップの種類: {names}",
    "one step does one thing, not {kinds}": "1ステップでできることは一つです({kinds}が書かれています)",
    "write two steps": "二つのステップに分けてください",
    # steps
    "`{name}` without `{other}`": "`{name}`には`{other}`も必要です",
    "`on_late` without `late`": "`on_late`には`late`も必要です",
    "add `late: 12 hours`": "`late: 12 hours`を加えてください",
    "`go` without `until`": "`go`には`until`も必要です",
    'say when the stream ends: `until: lead.stage == "mql"`': (
        'ストリームの終わりを書いてください: `until: lead.stage == "mql"`'
    ),
    "`escalate_to` without `accept_within`": "`escalate_to`には`accept_within`も必要です",
    "add `accept_within: 4 business hours`": "`accept_within: 4 business hours`を加えてください",
    "`on_max` without `max_cycles`": "`on_max`には`max_cycles`も必要です",
    "add `max_cycles: 3`": "`max_cycles: 3`を加えてください",
    "a branch has `go` or `then`, not both": "分岐に書けるのは`go`か`then`のどちらか一方です",
    "put `- go: STEP` at the end of `then`": "`then`の最後に`- go: STEP`を置いてください",
    "`at` goes with days, weeks or months": "`at`は日・週・月の単位と組み合わせてください",
    "write `{for: 1 day, at: 09:00}`": "`{for: 1 day, at: 09:00}`と書いてください",
    "the time of day is written twice": "時刻が2回書かれています",
    "keep `at`, or the time in `until`": "`at`か`until`の時刻のどちらかだけを残してください",
}
