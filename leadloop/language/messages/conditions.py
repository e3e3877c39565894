"""`SCN3xx`: conditions."""

from __future__ import annotations

from leadloop.language.messages.base import Ja, Message

CONDITIONS = {
    "SCN301": Message(
        "the condition does not compile: {problem}",
        "{fix}",
        ja=Ja("条件を解釈できません: {problem}", "{fix}"),
    ),
    "SCN302": Message(
        "unknown name `{name}` in a condition",
        "{suggestion}",
        ja=Ja("条件に使える名前`{name}`はありません", "{suggestion}"),
    ),
    "SCN303": Message(
        '`{fact}` is never "{value}"',
        "{suggestion}",
        ja=Ja('`{fact}`が`"{value}"`になることはありません', "{suggestion}"),
    ),
    "SCN304": Message(
        "`{word}` cannot stand in a condition that waits",
        "it is looked at when the lead changes, not as time passes: use `wait` or `timeout`",
        ja=Ja(
            "待つ条件に`{word}`は書けません",
            "この条件は時間の経過ではなくリードの変化で評価します。`wait`か`timeout`を使ってください",
        ),
    ),
    "SCN305": Message(
        "a condition has no `{word}`",
        "write `{instead}`",
        ja=Ja("条件に`{word}`は使えません", "`{instead}`と書いてください"),
    ),
    "SCN306": Message(
        "a condition has no `null`",
        "ask with `known(lead.field)` or `!known(lead.field)`",
        ja=Ja(
            "条件に`null`は使えません",
            "値の有無は`known(lead.field)`か`!known(lead.field)`で調べてください",
        ),
    ),
    "SCN307": Message(
        "`{written}` is not a duration of a condition",
        "write `{instead}`",
        ja=Ja("`{written}`は条件に使える期間ではありません", "`{instead}`と書いてください"),
    ),
    "SCN308": Message(
        "a waiting condition may compare `{fact}` only with a number or a band",
        'for example `{fact} >= 30` or `{band} == "hot"`',
        ja=Ja(
            "待つ条件で`{fact}`と比べられるのは数かバンドだけです",
            '例: `{fact} >= 30`、または`{band} == "hot"`',
        ),
    ),
    "SCN309": Message(
        "`{fact}` cannot stand in a condition that waits",
        "it changes with other people of the company: ask in an `if`, or enter by `people: 3`",
        ja=Ja(
            "待つ条件に`{fact}`は書けません",
            "この値は同じ会社の別の人の行動で変わります。`if`で調べるか、`people: 3`で入口を作ってください",
        ),
    ),
    "SCN310": Message(
        "under a `not`, `within` would turn true by time alone",
        "a condition that waits is looked at when the lead changes: use `timeout`, or a segment",
        ja=Ja(
            "`not`の中の`within`は、時間がたつだけで真になります",
            "待つ条件はリードの変化で評価します。`timeout`かセグメントを使ってください",
        ),
    ),
}
