"""What the libraries for YAML, CEL and Jinja2 say of a text they cannot read.

Their messages are not ours: the usual ones are here, any other one stays English.
"""

from __future__ import annotations

_YAML = {
    "while {doing}, {problem}": "{doing}、{problem}",
    "parsing a flow sequence": "`[ ]`のリストを読む途中で",
    "parsing a flow mapping": "`{ }`のマップを読む途中で",
    "parsing a block mapping": "マップを読む途中で",
    "parsing a block collection": "リストを読む途中で",
    "parsing a block node": "値を読む途中で",
    "parsing a quoted scalar": "引用符の中の文字列を読む途中で",
    "scanning a quoted scalar": "引用符の中の文字列を読む途中で",
    "scanning a block scalar": "複数行の文字列を読む途中で",
    "scanning a plain scalar": "文字列を読む途中で",
    "scanning a simple key": "キーを読む途中で",
    "scanning for the next token": "次の語を探す途中で",
    "scanning a directive": "`%`の指示を読む途中で",
    "scanning an anchor": "アンカーを読む途中で",
    "scanning an alias": "エイリアスを読む途中で",
    "mapping values are not allowed in this context": "ここに`: `は書けません",
    "did not find expected key": "ここにあるはずのキーがありません",
    "did not find expected ',' or ']'": "`,`か`]`がありません",
    "did not find expected ',' or '}'": "`,`か`}`がありません",
    "did not find expected '-' indicator": "`-`がありません",
    "did not find expected node content": "値がありません",
    "did not find expected comment or line break": "行の残りに余分な文字があります",
    "did not find expected alphabetic or numeric character": "英数字がありません",
    "could not find expected ':'": "`:`がありません",
    "found unexpected end of stream": "引用符が閉じられないままファイルが終わりました",
    "found character that cannot start any token": "語の先頭に置けない文字があります",
    "found unknown escape character": "知らないエスケープ文字があります",
    "found unknown directive name": "知らない指示があります",
    "cannot be read": "読めません",
}

_YAML_HINTS = {
    "put quotes around a text that contains `: `": "`: `を含む文字列は引用符で囲んでください",
    "put quotes around a text that begins with a sign": "記号で始まる文字列は引用符で囲んでください",
    "write a space after the colon on line {line}": "{line}行目のコロンの後に半角スペースを入れてください",
    "begin this line where the key on line {line} begins: it is indented too far": (
        "字下げが深すぎます。{line}行目のキーと同じ位置から書き始めてください"
    ),
    "write `key: value`, with a space after the colon": (
        "コロンの後に半角スペースを入れて、`key: value`の形で書いてください"
    ),
    "check the indentation, the brackets and the quotes of this and the line before": (
        "この行と前の行の字下げ・括弧・引用符を確かめてください"
    ),
}

_CEL = {
    "a condition must be true or false; this is {type}": (
        "条件の結果はtrueかfalseでなければなりません。今は{type}です"
    ),
    "unknown name `{name}`": "名前`{name}`はありません",
    "undeclared reference to '{name}'": "`{name}`は定義されていません",
    "expression of type '{type}' cannot be the operand of a select operation": (
        "{type}型の値に`.`で項目を付けることはできません"
    ),
    "INVALID_ARGUMENT: expression size exceeds codepoint limit. {sizes}": "条件が長すぎます",
    "invalid int literal": "整数として読めません",
    "Syntax error: mismatched input '<EOF>' expecting {wanted}": "条件が途中で終わっています",
    "Syntax error: mismatched input {found} expecting <EOF>": "{found}の前に`&&`などの演算子がありません",
    "Syntax error: extraneous input {found} expecting {wanted}": "余分な{found}があります",
    "Syntax error: mismatched input {found} expecting {wanted}": "{found}はここに書けません",
    "Syntax error: missing {wanted} at {found}": "{found}の前に{wanted}がありません",
    "Syntax error: no viable alternative at input {found}": "{found}の辺りが読めません",
    "Syntax error: token recognition error at: {found}": "{found}から先が読めません",
    "'<EOF>'": "末尾",
}

_JINJA = {
    "Expected an expression, got {found}": "式が必要ですが、{found}があります",
    "expected token {wanted}, got {found}": "{wanted}が必要ですが、{found}があります",
    "expected name or number": "名前か数が必要です",
    "Encountered unknown tag '{tag}'. Jinja was looking for the following tags: {tags}. "
    "The innermost block that needs to be closed is '{open}'.": (
        "`{tag}`はここに書けません。先に`{open}`を閉じてください"
    ),
    "Encountered unknown tag '{tag}'.": "タグ`{tag}`はここに書けません",
    "Unexpected end of template. Jinja was looking for the following tags: {tags}. "
    "The innermost block that needs to be closed is '{open}'.": (
        "テンプレートが途中で終わっています。`{open}`を閉じてください"
    ),
    "unexpected end of template, expected {wanted}.": (
        "テンプレートが途中で終わっています。{wanted}が必要です"
    ),
    "Missing end of comment tag": "コメントが`#}`で閉じられていません",
    "unexpected char {sign} at {position}": "{sign}はここに書けません",
    "unexpected {found}, expected {wanted}": "{found}ではなく{wanted}が必要です",
    "unexpected {found}": "{found}はここに書けません",
    "'end of print statement'": "`}}`",
    "'end of statement block'": "`%}`",
    "'name'": "名前",
}

LIBRARIES = {**_YAML, **_YAML_HINTS, **_CEL, **_JINJA}
