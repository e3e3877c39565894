"""Lengths of time, dates and ranges that cannot be read."""

from __future__ import annotations

TIMES = {
    "`{text}` is not a length of time; {example}": "`{text}`は期間として読めません。{example}",
    "`{text}` has no unit of time; {example}": "`{text}`に時間の単位がありません。{example}",
    "`{text}` has no unit of time; write one of: {units}": (
        "`{text}`に時間の単位がありません。次のどれかを書いてください: {units}"
    ),
    "`{text}` is longer than ten years; write a shorter one": (
        "`{text}`は10年を超えています。もっと短くしてください"
    ),
    "write `{amount} {business}{unit}{plural}`": "`{amount} {business}{unit}{plural}`と書いてください",
    "`{text}`: in a name of a fact a `-` is a `_`; write `{name}`": (
        "`{text}`: 項目の名前では`-`を`_`と書きます。`{name}`と書いてください"
    ),
    "use a smaller unit: `36 hours`, not `1.5 days`": (
        "小さい単位で書いてください。`1.5 days`ではなく`36 hours`です"
    ),
    "it cannot be negative": "負の値は書けません",
    "write a whole number and a unit: `3 days`, `4 business hours`": (
        "整数と単位で書いてください: `3 days`、`4 business hours`"
    ),
    "a length of zero does not wait": "長さが0では待ちません",
    "a length of zero; write at least `1 day`": "長さが0です。`1 day`以上を書いてください",
    "`{text}` is not a time of day; write `{instead}`": (
        "`{text}`は時刻として読めません。`{instead}`のように書いてください"
    ),
    "`{text}` is not a date; write `{instead}`": (
        "`{text}`は日付として読めません。`{instead}`のように書いてください"
    ),
    "`{text}` names no moment; write `{instead}`": (
        "`{text}`は時点として読めません。`{instead}`のように書いてください"
    ),
    "`{text}`: no calendar counts here; write hours, days or weeks: `7 days`": (
        "`{text}`: ここではカレンダーを使わずに数えます。時間・日・週の単位で書いてください: `7 days`"
    ),
    "`{text}` names no moment; write `monday 09:00`, `2027-04-01`, or a date of the lead or the entry "
    "event such as `run.entry.revisit_on - 1 day`": (
        "`{text}`は時点として読めません。`monday 09:00`、`2027-04-01`、またはリードか入口イベントの"
        "日付(例: `run.entry.revisit_on - 1 day`)を書いてください"
    ),
    "`{text}` is not a limit; write `1 per day`, `1 per message` or `3 per 7 days`": (
        "`{text}`は上限として読めません。`1 per day`、`1 per message`、`3 per 7 days`のように書いてください"
    ),
    "`{text}` is not a limit; write `2 per 7 days`": (
        "`{text}`は上限として読めません。`2 per 7 days`のように書いてください"
    ),
    "`{text}` is not understood; write `3 times within 30 days`": (
        "`{text}`は回数として読めません。`3 times within 30 days`のように書いてください"
    ),
    "`{text}` is not a range of days; write `12-29..01-03`": (
        "`{text}`は日の範囲として読めません。`12-29..01-03`のように書いてください"
    ),
    "`{text}` is not a range of weekdays; write `mon-fri` or `sat`": (
        "`{text}`は曜日の範囲として読めません。`mon-fri`や`sat`のように書いてください"
    ),
    "`{text}` are no opening hours; write `09:00-18:00`": (
        "`{text}`は時間帯として読めません。`09:00-18:00`のように書いてください"
    ),
}
