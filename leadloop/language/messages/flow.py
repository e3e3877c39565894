"""`SCN40x` to `SCN44x`: steps, jumps and scenarios side by side."""

from __future__ import annotations

from leadloop.language.messages.base import Ja, Message

FLOW = {
    "SCN401": Message(
        "the step id `{id}` is used twice; the first is on line {line}",
        "ids are unique in a scenario, nested lists included",
        ja=Ja(
            "ステップのID`{id}`が2回使われています。最初は{line}行目です",
            "IDは、入れ子のリストも含めてシナリオの中で一意にしてください",
        ),
    ),
    "SCN402": Message(
        "there is no step `{id}`",
        "{suggestion}",
        ja=Ja("ステップ`{id}`はありません", "{suggestion}"),
    ),
    "SCN403": Message(
        "an `await` needs a `timeout`",
        "write `timeout: 5 days`, or `timeout: never`",
        ja=Ja(
            "`await`には`timeout`が必要です",
            "`timeout: 5 days`、または`timeout: never`と書いてください",
        ),
    ),
    "SCN404": Message(
        "nothing leads to this step",
        "{fix}",
        ja=Ja("このステップに到達する道がありません", "{fix}"),
    ),
    "SCN405": Message(
        "a loop without a wait in it: {path}",
        "put a `wait` or an `await` into it; a `send` does not wait",
        ja=Ja(
            "待ち時間のない繰り返しがあります: {path}",
            "途中に`wait`か`await`を入れてください。`send`は待ちません",
        ),
    ),
    "SCN406": Message(
        "`of` must name a `send` or `stream` step; `{id}` is a `{kind}`",
        ja=Ja("`of`には`send`か`stream`のステップを書いてください。`{id}`は`{kind}`です"),
    ),
    "SCN407": Message(
        "the scenario `{name}` is already in {path}",
        "give one of them another name",
        ja=Ja("シナリオ`{name}`はすでに{path}にあります", "どちらかを別の名前にしてください"),
    ),
    "SCN408": Message(
        "the scenario `{other}` recycles the same lost deals",
        "a loss is recycled once: narrow one entry, for example with `reason: timing`",
        ja=Ja(
            "シナリオ`{other}`も同じ失注案件を再育成します",
            "一つの失注の再育成は一度だけです。`reason: timing`などで片方の入口を絞ってください",
        ),
    ),
    "SCN409": Message(
        "a `{kind}` step needs an `id`",
        "write `- id: some-name` above it",
        ja=Ja("`{kind}`のステップには`id`が必要です", "上の行に`- id: some-name`と書いてください"),
    ),
    "SCN410": Message(
        "this branch goes nowhere",
        "add `go: STEP` or `then: [steps]`",
        ja=Ja("この分岐には行き先がありません", "`go: STEP`か`then: [steps]`を加えてください"),
    ),
    "SCN411": Message("{problem}", "{fix}", ja=Ja("{problem}", "{fix}")),
    "SCN420": Message(
        "a segment hangs on itself: {path}",
        "take one of the segments out of the other's condition",
        ja=Ja(
            "セグメントが自分自身に依存しています: {path}",
            "どちらかの条件から相手のセグメントを外してください",
        ),
    ),
    "SCN421": Message(
        "the scenario `{name}` has no entry `{{manual: true}}`",
        "add it to its `entry`, or enter by an event",
        ja=Ja(
            "シナリオ`{name}`に入口`{{manual: true}}`がありません",
            "そのシナリオの`entry`に加えるか、イベントで入れてください",
        ),
    ),
    "SCN422": Message(
        "the entry names no `{record}`, and the scenario runs `per: {record}`",
        "{fix}",
        ja=Ja("この入口では`{record}`が決まりません。シナリオは`per: {record}`です", "{fix}"),
    ),
    "SCN412": Message(
        "a loop without a bound: {path}",
        "use `repeat: {{max: 4, steps: […]}}`: it counts the rounds",
        ja=Ja(
            "終わりのない繰り返しがあります: {path}",
            "回数を数える`repeat: {{max: 4, steps: […]}}`を使ってください",
        ),
    ),
    "SCN413": Message(
        "no way leads from `{id}` to this step",
        "`of`, `since` and `run.…` look back: name a step that comes before this one",
        ja=Ja(
            "`{id}`からこのステップに来る道がありません",
            "`of`・`since`・`run.…`は過去を調べます。このステップより前に通るステップを書いてください",
        ),
    ),
}
