"""`SCN0xx`: files that cannot be read."""

from __future__ import annotations

from leadloop.language.messages.base import Ja, Message

READING = {
    "SCN001": Message(
        "the file has {size} bytes; the limit is {limit}",
        "split it into several scenarios",
        ja=Ja(
            "ファイルが{size}バイトあります。上限は{limit}バイトです",
            "複数のシナリオに分けてください",
        ),
    ),
    "SCN002": Message(
        "the file is not UTF-8 text",
        "save it as UTF-8 in your editor",
        ja=Ja("ファイルの文字コードがUTF-8ではありません", "エディタでUTF-8として保存してください"),
    ),
    "SCN003": Message("this is not YAML: {problem}", ja=Ja("YAMLとして読めません: {problem}")),
    "SCN004": Message(
        "`{key}` is written twice in one place; the first is on line {line}",
        "keep one of them",
        ja=Ja(
            "`{key}`が同じ場所に2回書かれています。最初は{line}行目です",
            "どちらか一つを残してください",
        ),
    ),
    "SCN005": Message(
        "anchors (`&`) and aliases (`*`) are not allowed",
        "write the value out",
        ja=Ja("アンカー(`&`)とエイリアス(`*`)は使えません", "値をそのまま書いてください"),
    ),
    "SCN006": Message(
        "tags (`!`) are not allowed",
        "put quotes around a text that begins with `!`",
        ja=Ja("タグ(`!`)は使えません", "`!`で始まる文字列は引用符で囲んでください"),
    ),
    "SCN007": Message(
        "a tab cannot indent a line",
        "use spaces:\n{fixed}",
        ja=Ja("行の字下げにタブは使えません", "半角スペースを使ってください:\n{fixed}"),
    ),
    "SCN008": Message(
        "more than {limit} levels of lists and maps",
        "a scenario never needs that many",
        ja=Ja(
            "リストとマップの入れ子が{limit}段を超えています",
            "シナリオにこれほどの深さは要りません",
        ),
    ),
    "SCN009": Message(
        "the character U+{point} is not allowed in a file",
        "delete it",
        ja=Ja("文字U+{point}はファイルに使えません", "削除してください"),
    ),
    "SCN010": Message(
        "one file holds one document, without `%` directives and without a second `---`",
        "move the rest into another file",
        ja=Ja(
            "1ファイルに書ける文書は一つです。`%`の指示や2個目の`---`は使えません",
            "残りは別のファイルに移してください",
        ),
    ),
    "SCN011": Message("the file is empty", ja=Ja("ファイルが空です")),
    "SCN012": Message(
        "a full-width colon `：` does not end a key",
        "write `: ` (colon and space):\n{fixed}",
        ja=Ja(
            "全角コロン`：`はキーの区切りになりません",
            "`: `(半角コロンと半角スペース)で書いてください:\n{fixed}",
        ),
    ),
    "SCN013": Message(
        "an ideographic space is not a space in YAML",
        "use ordinary spaces:\n{fixed}",
        ja=Ja("全角スペースはYAMLの空白になりません", "半角スペースを使ってください:\n{fixed}"),
    ),
    "SCN014": Message(
        "YAML cuts or refuses this condition: {why}",
        "put it in quotes:\n{fixed}",
        ja=Ja("この条件はYAMLが途中で切るか、読めません: {why}", "引用符で囲んでください:\n{fixed}"),
    ),
    "SCN015": Message(
        "a key must be a single text",
        "write `key: value`",
        ja=Ja("キーは一つの文字列でなければなりません", "`key: value`の形で書いてください"),
    ),
    "SCN016": Message(
        "{what} does not exist, or cannot be read", "{fix}", ja=Ja("{what}がないか、読めません", "{fix}")
    ),
    "SCN017": Message(
        "this file would be ignored: {why}",
        "{fix}",
        ja=Ja("このファイルは読み込まれません: {why}", "{fix}"),
    ),
    "SCN018": Message(
        "more than {limit} problems in this file; the rest is not shown",
        "solve these first",
        ja=Ja(
            "このファイルの問題は{limit}件を超えています。残りは表示しません",
            "まず表示された問題を直してください",
        ),
    ),
    "SCN019": Message(
        "more than {limit} keys and values in one file",
        "split it into several scenarios",
        ja=Ja("1ファイルのキーと値が{limit}個を超えています", "複数のシナリオに分けてください"),
    ),
}
