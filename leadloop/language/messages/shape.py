"""`SCN1xx`: settings that are missing, unknown or of the wrong form."""

from __future__ import annotations

from leadloop.language.messages.base import Ja, Message

SHAPE = {
    "SCN101": Message(
        "{where} has no setting `{key}`",
        "{suggestion}",
        ja=Ja("{where}に設定`{key}`はありません", "{suggestion}"),
    ),
    "SCN102": Message(
        "{what} must be {wanted}, not {found}",
        ja=Ja("{what}には{wanted}を書いてください。今は{found}です"),
    ),
    "SCN103": Message(
        "{where} needs `{key}`", "{example}", ja=Ja("{where}には`{key}`が必要です", "{example}")
    ),
    "SCN104": Message(
        "{what} cannot be `{value}`",
        "write one of: {allowed}",
        ja=Ja("{what}に`{value}`は書けません", "次のどれかを書いてください: {allowed}"),
    ),
    "SCN105": Message(
        "{what} must be a whole number{limits}, not `{value}`",
        "{fix}",
        ja=Ja("{what}は{limits}整数でなければなりません。今は`{value}`です", "{fix}"),
    ),
    "SCN106": Message(
        "{what} must be true or false, not `{value}`",
        "only `true` and `false` are booleans",
        ja=Ja(
            "{what}はtrueかfalseでなければなりません。今は`{value}`です",
            "真偽値は`true`と`false`だけです",
        ),
    ),
    "SCN107": Message("{what}: {problem}", ja=Ja("{what}: {problem}")),
    "SCN109": Message(
        "`{name}` cannot be the name of {what}",
        "{fix}",
        ja=Ja("`{name}`は{what}の名前にできません", "{fix}"),
    ),
    "SCN111": Message(
        "{what} must be one mail address, not `{value}`",
        "for example `sato@acme.example`",
        ja=Ja(
            "{what}には一つのメールアドレスを書いてください。今は`{value}`です",
            "例: `sato@acme.example`",
        ),
    ),
    "SCN112": Message("{problem}", "{fix}", ja=Ja("{problem}", "{fix}")),
    "SCN113": Message(
        "{what} is empty",
        "write a value, or leave the setting out",
        ja=Ja("{what}が空です", "値を書くか、設定そのものを消してください"),
    ),
}
