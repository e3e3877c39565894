"""Problems and remedies of single kinds of steps."""

from __future__ import annotations

STEPS = {
    # await and its branches
    "`on_timeout` without a timeout": "`timeout`がないのに`on_timeout`があります",
    "write `timeout: 5 days`, or remove `on_timeout`": (
        "`timeout: 5 days`と書くか、`on_timeout`を削除してください"
    ),
    "`since` looks back for events; a condition or a stage is asked as it is now": (
        "`since`でさかのぼれるのはイベントだけです。条件とステージは今の状態で調べます"
    ),
    "remove `since`, or write `{when: {did: EVENT, since: entry}}`": (
        "`since`を削除するか、`{when: {did: EVENT, since: entry}}`と書いてください"
    ),
    "a branch with `of` looks back to that send already": (
        "`of`のある分岐は、その送信までもともとさかのぼります"
    ),
    "keep one of `of` and `since`": "`of`と`since`のどちらか一つを残してください",
    # experiment
    "`control: 10 %` is a setting of its own": "`control: 10 %`は独立した設定です",
    "an experiment has 2 to {most} arms, not {count}": (
        "実験の案は2個から{most}個までです。今は{count}個です"
    ),
    "one arm against nothing is `control: 50 %`": (
        "一つの案と送らない場合を比べるには`control: 50 %`を使ってください"
    ),
    "the shares make up {percent}": "配分の合計が{percent}です",
    "all arms and `control` are 100 % at most": "すべての案と`control`を合わせて100 %以下にしてください",
    "for example `share: 10 %`: with `rest` each arm says how many are drawn": (
        "例: `share: 10 %`。`rest`があるときは、どの案にも割合を書いてください"
    ),
    "the shares make up 100 %, so nobody is left for `rest`": (
        "配分の合計が100 %なので、`rest`に残る人がいません"
    ),
    "make the shares smaller, or remove `rest`": "配分を減らすか、`rest`を削除してください",
    "the shares make up {percent}, and nothing is said of the others": (
        "配分の合計が{percent}で、残りの人の扱いが決まりません"
    ),
    "leave out one `share`, or add `rest: {after: 4 hours, tie: a}`": (
        "どれか一つの`share`を省くか、`rest: {after: 4 hours, tie: a}`を加えてください"
    ),
    "`{text}` is not a percentage; write `10 %` or `12.5 %`": (
        "`{text}`は割合として読めません。`10 %`や`12.5 %`のように書いてください"
    ),
    "`{text}` is not between 0 and 100 %; write `10 %`": (
        "`{text}`は0から100 %の間ではありません。`10 %`のように書いてください"
    ),
    "for example `{did: email_clicked, within: 4 hours}`": ("例: `{did: email_clicked, within: 4 hours}`"),
    "a metric counts from each draw": "指標は、案が割り当てられた時点から数えます",
    "remove `since`; `within: 4 hours` says how long it counts": (
        "`since`を削除してください。数える長さは`within: 4 hours`で決まります"
    ),
    # people
    "for example `else: inside-sales`: many leads have no owner": (
        "例: `else: inside-sales`。担当者のいないリードは多くいます"
    ),
    "`else` is for a `to` that may name nobody; `{name}` is always somebody": (
        "`else`は`to`に該当者がいないときのものです。`{name}`には必ず該当者がいます"
    ),
    "remove `else`": "`else`を削除してください",
    "`on_overdue` says what happens when nobody did it in time": (
        "期限までに行われなかったときの動きは`on_overdue`に書いてください"
    ),
    "the outcome `{name}` is written twice": "結果`{name}`が2回書かれています",
    "remove one": "どちらか一つを削除してください",
    # set and record
    "`set` does not write `{name}`": "`set`では`{name}`を書き換えられません",
    "use a `stage` step": "`stage`ステップを使ってください",
    "use `tag` or `untag`": "`tag`か`untag`を使ってください",
    "use a `score` step": "`score`ステップを使ってください",
    "a segment follows its condition": "セグメントは条件に従って決まります",
    "an address is an identity: it comes with a form or an import": (
        "アドレスは本人を表します。フォームか取り込みで登録してください"
    ),
    "a `hand_off` hands the lead to sales": "営業への引き渡しは`hand_off`で行います",
    "a `hand_off` decides who owns a lead": "リードの担当者は`hand_off`で決まります",
    "the engine keeps it": "自動で記録されます",
    "a `recycle` counts it": "`recycle`が数えます",
    "for example `event: reactivated`": "例: `event: reactivated`",
    "`{text}` is not a moment; write `2027-04-01T10:00:00+09:00`": (
        "`{text}`は日時として読めません。`2027-04-01T10:00:00+09:00`のように書いてください"
    ),
    # wait
    "a weekday is never past: `if_past` has no meaning here": "曜日は過去になりません。`if_past`は不要です",
    "remove `if_past`": "`if_past`を削除してください",
    # send
    "a mail comes from a `template` or from a `stream`, not from both": (
        "メールの元は`template`か`stream`のどちらか一方です"
    ),
    "keep one of the two": "どちらか一つを残してください",
}
