"""Problems and remedies of events, conditions and what they may read."""

from __future__ import annotations

MATCHERS = {
    "{where} needs {forms}": "{where}には{forms}が必要です",
    "{where} has {forms}": "{where}に{forms}が書かれています",
    "a condition stands in `when`: `{when: {{name}: …}}`": (
        "条件は`when`の中に書いてください: `{when: {{name}: …}}`"
    ),
    "write one of {forms}": "{forms}のどれか一つを書いてください",
    "`{event}` does not belong to a message": "`{event}`はメールに結び付くイベントではありません",
    "`of` goes with email events such as `email_clicked`": (
        "`of`は`email_clicked`などのメールのイベントと組み合わせてください"
    ),
    "`of` cannot name a step here": "ここの`of`にステップは書けません",
    "use it in `await`, `goal`, `exit_when` and `bypass`": (
        "`await`・`goal`・`exit_when`・`bypass`の中で使ってください"
    ),
    "{what}: a prefix `…*` stands alone": "{what}: 前方一致の`…*`は単独で書いてください",
    "write two branches, or use `where`": "分岐を二つに分けるか、`where`を使ってください",
    "{what} is a moment and has no equal": "{what}は日時なので、等しいかどうかは調べられません",
    "use `where`, for example `event.{name} > now`": ("`where`を使ってください。例: `event.{name} > now`"),
    # what a condition may read
    "an entry knows only the lead and the event": "入口で使えるのはリードとイベントだけです",
    "a rule knows the lead and the event": "ルールで使えるのはリードとイベントです",
    "a transition knows only the lead": "ステージの移行で使えるのはリードだけです",
    "a stream is shared: it knows only the lead": "ストリームは共用なので、使えるのはリードだけです",
    "`event` is in scope only in `where`; `run.entry` has the properties of the entry events": (
        "`event`が使えるのは`where`の中だけです。入口イベントの属性は`run.entry`にあります"
    ),
    # conditions
    "`{function}` takes a date or a moment; `{fact}` is {kind}": (
        "`{function}`には日付か日時を渡してください。`{fact}`は{kind}です"
    ),
    "write `lead.company.name`": "`lead.company.name`と書いてください",
    "it is longer than {most} characters": "{most}文字を超えています",
    "split it": "分割してください",
    "a text stands in quotes": "文字列は引用符で囲みます",
    "in a condition a `-` is minus; write `{name}`": (
        "条件の中の`-`は引き算になります。`{name}`と書いてください"
    ),
    "write `{instead}`": "`{instead}`と書いてください",
    'write `"{text}"`': '`"{text}"`と書いてください',
    'write `"{word}"` if it is a text': '文字列なら`"{word}"`と書いてください',
    "`{sign}` cannot take {types}": "`{sign}`は{types}の組に使えません",
    "it is looked at when the lead changes, not as time passes: ask `{did: …, within: 30 days}`, or enter by "
    "`inactive` or `date`": (
        "この条件は時間の経過ではなくリードの変化で評価します。`{did: …, within: 30 days}`で調べるか、"
        "入口の`inactive`か`date`を使ってください"
    ),
    'a moment is `timestamp("2027-04-01T00:00:00+09:00")`; days count with `days_until(…)`': (
        '日時は`timestamp("2027-04-01T00:00:00+09:00")`と書きます。日数は`days_until(…)`で数えます'
    ),
    'ask what is in a list: `"vip" in lead.tags`': 'リストの中身は`"vip" in lead.tags`の形で調べます',
    "compare a value with one of its own type": "同じ型の値どうしを比べてください",
    "`known()` takes one name: `known(lead.industry)`": (
        "`known()`に渡す名前は一つです: `known(lead.industry)`"
    ),
    "`days_since()` takes one date: `days_since(lead.created_at)`": (
        "`days_since()`に渡す日付は一つです: `days_since(lead.created_at)`"
    ),
    "`days_until()` takes one date: `days_until(lead.purchase_timing)`": (
        "`days_until()`に渡す日付は一つです: `days_until(lead.purchase_timing)`"
    ),
    '`open()` takes the name of a calendar: `open("office")`': (
        '`open()`にはカレンダーの名前を渡してください: `open("office")`'
    ),
    # conditions in YAML
    "a leading `!` is a tag": "先頭の`!`はYAMLのタグになります",
    "a leading `{sign}` means something to YAML": "先頭の`{sign}`はYAMLで特別な意味を持ちます",
    'a leading `"` begins a quoted text': '先頭の`"`から引用符付きの文字列になります',
    "a comma or bracket ends a value inside `{ }`": "`{ }`の中ではカンマや括弧で値が終わります",
    "a comma ends a value inside `{ }`": "`{ }`の中ではカンマで値が終わります",
    "`: ` ends a key": "`: `でキーが終わります",
    "` #` begins a comment": "` #`から後ろはコメントになります",
}
