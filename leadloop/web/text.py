"""The words of the pages, English and Japanese."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "ja"]

_JAPANESE = {
    "Overview": "概要",
    "Mailbox": "メールボックス",
    "Lead": "リード",
    "Leads": "リード",
    "Hot leads": "ホットリード",
    "Forms": "フォーム",
    "Scenario": "シナリオ",
    "Scenarios": "シナリオ",
    "Entered": "開始",
    "Running": "進行中",
    "Paused": "一時停止",
    "Held": "保留",
    "Ended": "終了",
    "Ended by outcome": "終了の内訳",
    "Sent": "送信",
    "Opened": "開封",
    "Clicked": "クリック",
    "Scenario time": "シナリオ時刻",
    "Temporal UI": "Temporal UI",
    "Nothing here yet.": "まだありません。",
    "Search": "検索",
    "Name, company or mail address": "氏名・会社名・メールアドレス",
    "Next page": "次のページ",
    "Name": "氏名",
    "Company": "会社",
    "Stage": "ステージ",
    "Bands": "スコア区分",
    "Last active": "最終活動",
    "Created": "登録",
    "Facts": "属性",
    "Scores": "スコア",
    "Model": "モデル",
    "Points": "点数",
    "Band": "区分",
    "Journeys": "ジャーニー",
    "Position": "現在地",
    "Next due": "次の予定",
    "Timeline": "タイムライン",
    "Time": "日時",
    "What happened": "できごと",
    "From": "差出人",
    "To": "宛先",
    "Subject": "件名",
    "Received": "受信",
    "Text": "テキスト",
    "Headers": "ヘッダー",
    "Offers": "引き渡し",
    "Open offers": "対応待ちのリード",
    "Tasks": "タスク",
    "Open tasks": "対応待ちのタスク",
    "All": "すべて",
    "It could not be done": "実行できませんでした",
    "Recently finished": "最近の結果",
    "Why": "理由",
    "Queue": "キュー",
    "Owner": "担当",
    "Status": "状態",
    "Accept by": "受諾期限",
    "Work by": "対応期限",
    "Due": "期限",
    "Accept": "受け取る",
    "Reject": "断る",
    "Reason": "理由",
    "Still working": "対応を続ける",
    "Back to marketing": "マーケティングへ戻す",
    "Won": "受注",
    "Lost": "失注",
    "Ask again on (2027-04 or 2027-04-05)": "再訪の時期（2027-04 または 2027-04-05）",
    "Note": "メモ",
    "The whole company": "企業全体",
    "Date (2027-04 or 2027-04-05)": "日付（2027-04 または 2027-04-05）",
    "yes": "はい",
    "no": "いいえ",
    "times": "回",
    "last": "最終",
    "offered": "提示中",
    "accepted": "対応中",
    "rejected": "差し戻し",
    "expired": "期限切れ",
    "withdrawn": "取り下げ",
    "won": "受注",
    "lost": "失注",
    "open": "未対応",
    "overdue": "期限超過",
    "done": "完了",
    "running": "進行中",
    "paused": "一時停止",
    "held": "保留",
    "ended": "終了",
    "Send": "送信する",
    "Thank you.": "ありがとうございます。",
    "We have received your entry.": "送信を受け付けました。",
    "Please check your entry.": "入力内容をご確認ください。",
    "Back": "戻る",
    "I agree to receive mail": "メールの受信に同意します",
    "Mail address": "メールアドレス",
    "Family name": "姓",
    "Given name": "名",
    "Department": "部署",
    "Job title": "役職",
    "Phone": "電話番号",
    "Stop receiving mail": "メール配信の停止",
    "Stop these mails": "このメールの配信を停止する",
    "Stop all mail from us": "すべてのメールの配信を停止する",
    "You can stop these mails:": "次のメールの配信を停止できます：",
    "Nothing has been changed yet.": "まだ何も変更されていません。",
    "You will not receive these mails any more.": "今後このメールは配信されません。",
    "You will not receive any more mail from us.": "今後メールは配信されません。",
    "This link is not valid.": "このリンクは無効です。",
    "The page you asked for is not here.": "お探しのページはありません。",
    "This has changed in the meantime:": "すでに状態が変わっています：",
    "Not found": "見つかりません",
    "Open the mail": "メールを開く",
    "this lead is in sales": "営業対応中",
}


def translate(language: Language, text: str) -> str:
    """Return the words in a language; English where there is no translation."""
    return _JAPANESE.get(text, text) if language == "ja" else text


def language_of(accept_language: str, fallback: str) -> Language:
    """Choose the language by `Accept-Language` (RFC 9110, 12.5.4), else by the fallback locale."""
    ranked: list[tuple[float, Language]] = []
    for part in accept_language.split(",")[:20]:
        tag, _, parameter = part.partition(";")
        primary = tag.strip().lower().split("-")[0]
        weight = _weight(parameter)
        if weight <= 0:
            continue
        if primary == "ja":
            ranked.append((weight, "ja"))
        elif primary == "en":
            ranked.append((weight, "en"))
    if ranked:
        return max(ranked, key=lambda one: one[0])[1]
    return "ja" if fallback.lower().startswith("ja") else "en"


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
