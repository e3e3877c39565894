"""Problems and remedies of entries, headers, segments, records and condition maps."""

from __future__ import annotations

ENTRIES = {
    # entries
    "an entry says what brings a lead in": "入口には、リードが入るきっかけを書いてください",
    "an entry has {forms}": "入口に{forms}が書かれています",
    "write two entries": "二つの入口に分けてください",
    "write one of: {forms}": "次のどれかを書いてください: {forms}",
    "declare a segment with this condition, and enter by `{segment: NAME}`": (
        "この条件のセグメントを定義し、`{segment: NAME}`で入るようにしてください"
    ),
    "an entry is `before` or `after` its date": "入口に書けるのは日付の`before`か`after`のどちらかです",
    "keep one": "どちらか一つを残してください",
    "a `{kind}` belongs to nobody: nobody would enter": ("`{kind}`は誰にも属さないので、誰も入りません"),
    "declare `of: lead`, or `of: company` with `contact: lead`, in `records`": (
        "`records`に`of: lead`、または`of: company`と`contact: lead`を書いてください"
    ),
    "`manual: false` is no entry": "`manual: false`は入口になりません",
    "remove the entry: without one nobody enters by hand": (
        "入口を削除してください。なければ手動では誰も入りません"
    ),
    "write both: `people: 3, within: 14 days`": "両方書いてください: `people: 3, within: 14 days`",
    "`people` goes with an event": "`people`はイベントの入口で使ってください",
    "write `{event: …, people: 3, within: 14 days}`": (
        "`{event: …, people: 3, within: 14 days}`と書いてください"
    ),
    "`people` counts the people of a company": "`people`は会社ごとの人数を数えます",
    "add `per: company` to the scenario": "シナリオに`per: company`を加えてください",
    "write `within: 14 days`": "`within: 14 days`と書いてください",
    "`existing: include` has no meaning here: an event or a time is over, not a state": (
        "イベントや時刻は状態として残らないので、ここでは`existing: include`に意味がありません"
    ),
    "enter by a segment, for example of leads that `did` it": (
        "セグメントで入るようにしてください。例: それを`did`で調べるセグメント"
    ),
    "enter by an event with such a property, by a date of it, or by `{manual: true}`": (
        "その属性を持つイベント、その日付、または`{manual: true}`で入るようにしてください"
    ),
    "declare a property of it: `{event}: {{record}: {type}}`": (
        "その属性を定義してください: `{event}: {{record}: {type}}`"
    ),
    "`{name}` counts calendar days": "`{name}`は暦の日数で数えます",
    "write `{name}: 90 days`": "`{name}: 90 days`と書いてください",
    # header
    "`recheck` without `audience`": "`recheck`には`audience`も必要です",
    'say who belongs here: `audience: lead.country == "JP"`': (
        '対象者を書いてください: `audience: lead.country == "JP"`'
    ),
    "the step for `{name}`": "`{name}`の移行先のステップ",
    "`run.{name}` is the {per} of the journey": "`run.{name}`はジャーニーの{per}です",
    "`run.{name}` is the result of `{id}`": "`run.{name}`は`{id}`の結果です",
    "{reason}; choose another": "{reason}。別の名前にしてください",
    "`{name}` runs `per: {record}`, and no `{other}` is known here": (
        "`{name}`は`per: {record}`で動きますが、ここでは`{other}`が決まりません"
    ),
    "enrol from a scenario that runs `per: {record}` too, or enter by an event": (
        "同じ`per: {record}`のシナリオから登録するか、イベントで入るようにしてください"
    ),
    # records and segments
    "`contact` names the person of a company's record": "`contact`は会社の記録の担当者を指します",
    "write `of: company, contact: lead`, or `of: lead` alone": (
        "`of: company, contact: lead`、または`of: lead`だけを書いてください"
    ),
    "every record has a `key`: it names the record": "記録には必ず、それを見分ける`key`があります",
    "a segment knows only the lead": "セグメントで使えるのはリードだけです",
    "a segment may ask for another one only by its name": (
        "セグメントから別のセグメントを使うときは、名前だけを書いてください"
    ),
    "write `{segment: NAME}`": "`{segment: NAME}`と書いてください",
    "an attribute knows only the fields of the lead: count what it did by a rule": (
        "属性ルールで使えるのはリードの項目だけです。行動はルールで数えてください"
    ),
    "`{name}` does not stand in this file: it differs between installations": (
        "`{name}`は環境ごとに異なるので、このファイルには書けません"
    ),
    "remove it; each installation has its own setting for it": ("削除してください。環境ごとの設定に書きます"),
    "{what} is an enum without values": "{what}はenumですが、値がありません",
    "write `{type: enum, values: [a, b]}`": "`{type: enum, values: [a, b]}`と書いてください",
    # condition maps
    "a condition has {forms}": "条件に{forms}が書かれています",
    "join them: `{all: [{segment: a}, {not: {segment: b}}]}`": (
        "まとめて書いてください: `{all: [{segment: a}, {not: {segment: b}}]}`"
    ),
    "{what} is no condition": "{what}は条件として読めません",
    "write CEL text, or a map with one of: {names}": (
        "CELの式か、次のどれかを持つマップを書いてください: {names}"
    ),
    "use fewer members, or put some into a segment": ("要素を減らすか、一部をセグメントに移してください"),
    "a segment cannot be asked for here": "ここではセグメントを条件にできません",
    "ask for facts of the lead": "リードの項目を条件にしてください",
    "the past cannot be asked here": "ここでは過去の行動を条件にできません",
    "put the `did` into a segment of segments.yaml, and ask for the segment": (
        "`did`をsegments.yamlのセグメントに移し、そのセグメントを条件にしてください"
    ),
    "`within` and `since` are two beginnings": "`within`と`since`は、どちらも期間の始まりを表します",
    "keep one: `within: 30 days`, or `since: entry`": (
        "どちらか一つにしてください: `within: 30 days`、または`since: entry`"
    ),
    "`within` counts the past without a calendar": "`within`はカレンダーを使わずに過去を数えます",
    "write hours, days or weeks: `within: 30 days`": (
        "時間・日・週の単位で書いてください: `within: 30 days`"
    ),
    "`since` has no meaning here: there is no journey yet": (
        "ここではまだジャーニーがないので、`since`に意味がありません"
    ),
    "write `within: 30 days`": "`within: 30 days`と書いてください",
    # recurring times
    "`{text}` is not a recurring time; did you mean `{instead}`?": (
        "`{text}`は繰り返しの時刻として読めません。`{instead}`ではありませんか？"
    ),
    "`{text}` is not a recurring time; write one of: {examples}": (
        "`{text}`は繰り返しの時刻として読めません。次のように書いてください: {examples}"
    ),
    "`{text}`: a month has the days 1 to 31; write `day 25 {at}`, or `last day {at}`": (
        "`{text}`: 月の日は1から31です。`day 25 {at}`、または`last day {at}`と書いてください"
    ),
    "`{text}`: a cron expression has five fields, from the minute to the day of the week; "
    "write for example `{example}`": (
        "`{text}`: cron式は分・時・日・月・曜日の5項目です。たとえば`{example}`と書いてください"
    ),
    "`{text}` never comes: its months have no such day; write another day": (
        "`{text}`の日は来ません。その月にない日です。別の日を書いてください"
    ),
    "`{text}` comes more often than every {least} minutes; write `*/{least} * * * *`, or less often": (
        "`{text}`は{least}分より短い間隔です。`*/{least} * * * *`か、それより長い間隔で書いてください"
    ),
    "`{text}`: `{item}` is not read alike everywhere; "
    "write words: `last day 10:00`, `second tuesday 10:00`": (
        "`{text}`: `{item}`の意味はcronの実装によって違います。"
        "`last day 10:00`、`second tuesday 10:00`のように言葉で書いてください"
    ),
    "`{text}`: `{item}` cannot be {name}; write `*`, numbers of `{values}`, a list, "
    "a range that goes up, or a step such as `*/2`": (
        "`{text}`: `{item}`は{name}として読めません。`*`、`{values}`の数、リスト、"
        "小さい方から書いた範囲、または`*/2`のような間隔を書いてください"
    ),
    "the minute": "分",
    "the hour": "時",
    "the day of the month": "日",
    "the month": "月",
    "the day of the week": "曜日",
}
