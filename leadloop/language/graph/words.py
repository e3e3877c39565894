"""The words of pictures, in Japanese and English: lengths of time, waits, kinds, stages, events."""

from __future__ import annotations

from leadloop.language.meant import WEEKDAYS
from leadloop.language.messages.base import Language
from leadloop.language.plan import Span, Until, WaitSpec

_WEEKDAYS_JA = "月火水木金土日"

_UNITS_JA = {
    "seconds": "{} 秒",
    "minutes": "{} 分",
    "hours": "{} 時間",
    "days": "{} 日",
    "weeks": "{} 週間",
    "months": "{} か月",
    "business_minutes": "営業時間で {} 分",
    "business_hours": "{} 営業時間",
    "business_days": "{} 営業日",
}

WORDS: dict[str, tuple[str, str]] = {
    # word -> (Japanese, English)
    "yes": ("はい", "yes"),
    "no": ("いいえ", "no"),
    "else": ("その他", "else"),
    "otherwise": ("その他", "else"),
    "skipped": ("送られない", "skipped"),
    "failed": ("失敗", "failed"),
    "timeout": ("期限", "timeout"),
    "past": ("もう過ぎた", "already past"),
    "until": ("条件成立", "condition met"),
    "exhausted": ("全部送った", "all sent"),
    "won": ("受注", "won"),
    "lost": ("失注", "lost"),
    "rejected": ("差し戻し", "rejected"),
    "expired": ("期限切れ", "expired"),
    "max_cycles": ("上限回数", "too many cycles"),
    "overdue": ("期限超過", "overdue"),
    "on_overdue": ("期限超過", "overdue"),
    "connected": ("つながった", "connected"),
    "absent": ("不在", "absent"),
    "refused": ("断られた", "refused"),
    "control": ("対照群", "control"),
    "again": ("もう一度", "again"),
    "done": ("終了", "done"),
    "completed": ("完了", "completed"),
    # what stands beside the picture
    "goal": ("目標", "Goal"),
    "exit_when": ("途中で終わる", "Ends when"),
    "audience": ("対象", "For"),
    "manual": ("手動", "by hand"),
    "table": ("ステップの一覧", "Steps"),
    "id": ("ID", "Id"),
    "kind": ("種類", "Kind"),
    "title": ("タイトル", "Title"),
    "stage": ("段階", "Stage"),
    "line": ("行", "Line"),
    "what": ("内容", "What"),
    "entries": ("入口", "Entry"),
    "exits": ("出口", "Exits"),
    # families of steps
    "entry": ("入口", "entry"),
    "mail": ("メール", "mail"),
    "wait": ("待ち", "wait"),
    "decision": ("分岐", "decision"),
    "sales": ("営業", "sales"),
    "data": ("リード情報", "lead data"),
    "end": ("出口", "exit"),
    # AIDMA
    "attention": ("注意", "Attention"),
    "interest": ("関心", "Interest"),
    "desire": ("欲求", "Desire"),
    "memory": ("記憶", "Memory"),
    "action": ("行動", "Action"),
}

KINDS: dict[str, tuple[str, str]] = {
    "send": ("メール", "mail"),
    "wait": ("待つ", "wait"),
    "await": ("反応を待つ", "wait for"),
    "if": ("条件", "if"),
    "switch": ("場合分け", "switch"),
    "experiment": ("A/B テスト", "experiment"),
    "score": ("スコア", "score"),
    "stage": ("ステージ", "stage"),
    "set": ("項目を書く", "set"),
    "tag": ("タグを付ける", "tag"),
    "untag": ("タグを外す", "untag"),
    "subscribe": ("配信許可", "subscribe"),
    "unsubscribe": ("配信停止", "unsubscribe"),
    "suppress": ("配信を控える", "suppress"),
    "record": ("記録", "record"),
    "enrol": ("別シナリオへ", "enrol in"),
    "stream": ("連載", "stream"),
    "hand_off": ("営業へ引き渡し", "hand off to"),
    "recycle": ("冷却期間", "recycle"),
    "webhook": ("Webhook", "webhook"),
    "notify": ("通知", "notify"),
    "task": ("作業", "task"),
    "call": ("電話", "call"),
    "visit": ("訪問", "visit"),
    "post": ("郵送", "post"),
    "other": ("作業", "task"),
    "repeat": ("くり返し", "repeat"),
    "again": ("もう一度", "again"),
    "go": ("移動", "go"),
    "exit": ("出口", "exit"),
}

_EVENTS_JA = {
    "lead_created": "リード登録",
    "email_sent": "メール送信",
    "email_delivered": "メール到達",
    "email_opened": "メール開封",
    "email_clicked": "メールのクリック",
    "email_replied": "メールへの返信",
    "email_bounced": "メール不達",
    "email_complained": "迷惑メール報告",
    "unsubscribed": "配信停止",
    "identify": "名乗り",
    "meeting_booked": "商談予約",
    "call_logged": "電話の記録",
    "handed_off": "営業へ引き渡し",
    "handoff_accepted": "営業が受諾",
    "handoff_rejected": "営業が差し戻し",
    "deal_opened": "商談開始",
    "deal_won": "受注",
    "deal_lost": "失注",
    "score_crossed": "スコア到達",
    "band_changed": "評価帯の変化",
    "stage_changed": "ステージの変化",
    "segment_entered": "セグメントに入る",
    "segment_left": "セグメントを出る",
    "record_changed": "記録の変更",
    "form_submitted": "フォーム送信",
    "page_viewed": "ページ閲覧",
    "document_viewed": "資料閲覧",
    "event_attended": "参加",
    "card_received": "名刺交換",
}


def word(name: str, language: Language) -> str:
    """Return a word of pictures; a name that is none (an outcome of the author's) as it is."""
    return _pick(WORDS, name, language)


def kind_word(kind: str, language: Language) -> str:
    """Return the word for a kind of step; a kind that is not known yet as it is."""
    return _pick(KINDS, kind, language)


def event_word(event: str, language: Language) -> str:
    """Return an event in words: 「メールのクリック」, `email clicked`."""
    return _EVENTS_JA.get(event, event) if language == "ja" else event.replace("_", " ")


def _pick(table: dict[str, tuple[str, str]], name: str, language: Language) -> str:
    pair = table.get(name)
    return name if pair is None else pair[0 if language == "ja" else 1]


def span_words(span: Span, language: Language) -> str:
    """Return a length of time: 「3 営業日」, `3 business days`."""
    amount = abs(span.amount)
    if language == "ja":
        return _UNITS_JA[span.unit].format(amount)
    unit = span.unit.replace("_", " ")
    return f"{amount} {unit.removesuffix('s') if amount == 1 else unit}"


def wait_words(wait: WaitSpec, language: Language) -> str:
    """Return any form of wait: 「1 日後の 09:00」, `1 day before seminar.starts_at, 17:00`."""
    ja = language == "ja"
    if wait.until is not None:
        when = _until_words(wait.until, language)
        return (f"{when} {wait.at}" if ja else f"{when}, {wait.at}") if wait.at else when
    if wait.span is None:
        return wait.at or ""
    span = span_words(wait.span, language)
    if not wait.at:
        return span
    return f"{span}後の {wait.at}" if ja else f"{span}, then {wait.at}"


def _until_words(until: Until, language: Language) -> str:
    if until.weekday is not None:
        if language == "ja":
            return f"次の{_WEEKDAYS_JA[until.weekday]}曜"
        return f"next {WEEKDAYS[until.weekday].capitalize()}"
    named = until.on.isoformat() if until.on else (until.fact or "").removeprefix("run.")
    return offset_words(named, until.offset, language)


def offset_words(named: str, offset: Span | None, language: Language) -> str:
    """Return a date and what is added to it: 「starts_at の 1 日前」, `1 day before starts_at`."""
    if offset is None or offset.amount == 0:
        return named
    span = span_words(offset, language)
    before = offset.amount < 0
    if language == "ja":
        return f"{named} の {span}{'前' if before else '後'}"
    return f"{span} {'before' if before else 'after'} {named}"
