"""`SCN2xx`: names that are not declared, or declared twice."""

from __future__ import annotations

from leadloop.language.messages.base import Ja, Message

NAMES = {
    "SCN201": Message(
        "unknown {kind} `{name}`",
        "{suggestion}",
        ja=Ja("{kind}`{name}`は定義されていません", "{suggestion}"),
    ),
    "SCN202": Message(
        "the {kind} `{name}` is declared twice; the first is on line {line}",
        "give one of them another name",
        ja=Ja(
            "{kind}`{name}`が2回定義されています。最初は{line}行目です",
            "どちらかを別の名前にしてください",
        ),
    ),
    "SCN203": Message(
        "`{name}` is a built-in {kind}",
        "use it as it is, or choose another name",
        ja=Ja("`{name}`は組み込みの{kind}です", "そのまま使うか、別の名前にしてください"),
    ),
    "SCN204": Message(
        "two entry events have a property `{name}` of different types ({types})",
        "`run.entry.{name}` would be ambiguous: rename one property",
        ja=Ja(
            "二つの入口イベントの属性`{name}`の型が異なります({types})",
            "`run.entry.{name}`の型が決まりません。片方の属性名を変えてください",
        ),
    ),
}
