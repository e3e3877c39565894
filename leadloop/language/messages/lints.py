"""`SCN5xx`: scenarios that compile and are probably not what was meant."""

from __future__ import annotations

from leadloop.language.messages.base import Ja, warning

LINTS = {
    "SCN501": warning(
        "nobody has to accept this hand-off by any time",
        "add `accept_within: 4 business hours`",
        ja=Ja(
            "この引き渡しには受け取りの期限がありません",
            "`accept_within: 4 business hours`を加えてください",
        ),
    ),
    "SCN502": warning(
        "a recycle without a cool-down starts mailing at once",
        "add `cooldown: {{default: 60 days}}`",
        ja=Ja(
            "クールダウンのない再育成は、すぐにメールを送り始めます",
            "`cooldown: {{default: 60 days}}`を加えてください",
        ),
    ),
    "SCN503": warning(
        "all outcomes of this await continue at the same step",
        "use `wait`, or let a branch go elsewhere",
        ja=Ja(
            "この`await`は、どの結果でも同じステップに進みます",
            "`wait`を使うか、分岐の行き先を変えてください",
        ),
    ),
    "SCN504": warning(
        "{number} is the limit of the band `{band}` of `{model}`",
        "write `lead.band.{model}`, which changes with the limit and keeps its hysteresis",
        ja=Ja(
            "{number}は`{model}`のバンド`{band}`の境目です",
            "`lead.band.{model}`と書けば、境目の変更に追随し、ヒステリシスも保たれます",
        ),
    ),
    "SCN505": warning(
        "`{event}` already gives points in `{model}` by the rule `{rule}`",
        "the same behaviour counts twice: drop the step or the rule",
        ja=Ja(
            "`{event}`はルール`{rule}`により`{model}`ですでに加点されます",
            "同じ行動が二重に数えられます。ステップかルールを削除してください",
        ),
    ),
    "SCN506": warning(
        "nothing leads to this exit",
        "remove it",
        ja=Ja("この終了ステップに到達する道がありません", "削除してください"),
    ),
    "SCN507": warning(
        "no lead reaches {number} points in `{model}`: {why}",
        "write a lower number, or change scoring.yaml",
        ja=Ja(
            "`{model}`で{number}点に届くリードはいません: {why}",
            "数を小さくするか、scoring.yamlを見直してください",
        ),
    ),
    "SCN508": warning(
        "opened mails alone reach {number} points in `{model}`, by the rule `{rule}`",
        "mail programs open mails by themselves: count clicks instead",
        ja=Ja(
            "`{model}`の{number}点には、ルール`{rule}`により開封だけで届きます",
            "開封はメールソフトが自動で行うことがあります。クリックを数えてください",
        ),
    ),
    "SCN509": warning(
        "with this mail a lead gets more of `{topic}` than `{cap}`: {mails}",
        "the cap would hold it back: put a longer wait before it",
        ja=Ja(
            "このメールで`{topic}`が上限`{cap}`を超えます: {mails}",
            "上限により送信が保留されます。手前の待ち時間を長くしてください",
        ),
    ),
    "SCN510": warning(
        "advertising mail (`{topic}`, sent by `{scenario}`) does not show `{missing}`",
        "print `{{{{ {missing} }}}}` in the layout: 特定電子メール法 4条 asks for it",
        ja=Ja(
            "広告宣伝メール(`{scenario}`が送る`{topic}`)に`{missing}`の表示がありません",
            "レイアウトに`{{{{ {missing} }}}}`を入れてください。特定電子メール法4条の表示義務です",
        ),
    ),
    "SCN511": warning(
        "`{name}` is empty for many leads",
        "write `{{{{ {name} | default('…') }}}}`, or ask with `{{% if {name} %}}`",
        ja=Ja(
            "`{name}`は空のリードが多くいます",
            "`{{{{ {name} | default('…') }}}}`と書くか、`{{% if {name} %}}`で確かめてください",
        ),
    ),
    "SCN512": warning(
        "many leads have no `{to}`: nobody would get this task",
        "add `else:` with a queue",
        ja=Ja(
            "`{to}`のいないリードが多くいます。その場合、タスクの担当者が決まりません",
            "`else:`にキューを書いてください",
        ),
    ),
    "SCN513": warning(
        "the arm `{arm}` gets {share} of the draw: too few to tell anything",
        "give it at least 1 %",
        ja=Ja(
            "案`{arm}`の割合は{share}です。少なすぎて比較できません",
            "1 %以上にしてください",
        ),
    ),
    "SCN514": warning(
        "a winner is chosen however few were drawn",
        "add `min_sends: 200`: with fewer, `tie` is taken",
        ja=Ja(
            "抽選された人がどれほど少なくても勝者が選ばれます",
            "`min_sends: 200`を加えてください。それより少なければ`tie`になります",
        ),
    ),
    "SCN515": warning(
        "this repeat never begins a second round: every way leads out of its steps",
        "let one way reach the end of its steps, or remove `repeat`",
        ja=Ja(
            "この`repeat`は2周目に入りません。どの道も外へ出ています",
            "ステップの終わりまで進む道を作るか、`repeat`を外してください",
        ),
    ),
    "SCN516": warning(
        "after `{outcome}` the journey goes on, to the mail `{mail}`",
        "add `on_{outcome}`, for example `on_{outcome}: {{exit: {outcome}}}`",
        ja=Ja(
            "`{outcome}`のあともジャーニーが続き、メール`{mail}`を送ります",
            "`on_{outcome}: {{exit: {outcome}}}`のように`on_{outcome}`を加えてください",
        ),
    ),
    "SCN520": warning(
        "this entry and the one of `{other}` mail the same lead on the same occasion",
        "narrow one with `audience`, or put both into one `group`",
        ja=Ja(
            "この入口と`{other}`の入口は、同じきっかけで同じリードにメールを送ります",
            "片方を`audience`で絞るか、両方を同じ`group`に入れてください",
        ),
    ),
    "SCN521": warning(
        "the send window never opens: the calendar `{calendar}` has no open hours",
        "add hours to its `open`, for example `mon-fri: 09:00-18:00`",
        ja=Ja(
            "配信できる時間帯がありません。カレンダー`{calendar}`に営業時間がありません",
            "`open`に`mon-fri: 09:00-18:00`のように加えてください",
        ),
    ),
    "SCN522": warning(
        "`sender` has no `{missing}`, and `{topic}` is advertising",
        "Japanese law (特定電子メール法 4条) wants it in every such mail: add it to `sender`",
        ja=Ja(
            "`sender`に`{missing}`がありません。`{topic}`は広告宣伝のメールです",
            "特定電子メール法4条により表示が必要です。`sender`に加えてください",
        ),
    ),
    "SCN523": warning(
        "`allow` silences `{lint}`, which is not found here",
        "remove it from `allow`",
        ja=Ja("`allow`の`{lint}`は、ここでは検出されていません", "`allow`から削除してください"),
    ),
}
