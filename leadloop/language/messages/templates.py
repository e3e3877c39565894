"""`SCN45x`: templates and layouts."""

from __future__ import annotations

from leadloop.language.messages.base import Ja, Message

TEMPLATES = {
    "SCN451": Message(
        "the template `{name}` does not exist in `{locale}`",
        "{fix}",
        ja=Ja("テンプレート`{name}`の言語`{locale}`版がありません", "{fix}"),
    ),
    "SCN452": Message("front matter: {problem}", "{fix}", ja=Ja("テンプレートの先頭部: {problem}", "{fix}")),
    "SCN453": Message(
        "`{name}` is not in scope in a template",
        "{suggestion}",
        ja=Ja("テンプレートの中で`{name}`は使えません", "{suggestion}"),
    ),
    "SCN454": Message(
        "the template does not compile: {problem}",
        ja=Ja("テンプレートを解釈できません: {problem}"),
    ),
    "SCN455": Message(
        "there is no template {kind} `{name}`",
        "{suggestion}",
        ja=Ja("テンプレートに{kind}`{name}`はありません", "{suggestion}"),
    ),
    "SCN456": Message(
        "the layout `{name}` does not exist in `{locale}`",
        "{fix}",
        ja=Ja("レイアウト`{name}`の言語`{locale}`版がありません", "{fix}"),
    ),
    "SCN457": Message(
        "`{name}` is not known in the scenario `{scenario}`, which sends this template",
        "{suggestion}",
        ja=Ja("このテンプレートを送るシナリオ`{scenario}`では`{name}`が分かりません", "{suggestion}"),
    ),
}
