"""What a step does, who enters, and what a way out means, in a few words.

`TEXTS` has a function for each kind of step. A kind that is not in it is shown by its name, so
that a new kind is never an error here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from leadloop.language.graph.words import event_word, kind_word, offset_words, span_words, wait_words, word
from leadloop.language.messages.base import Language
from leadloop.language.plan import Cron, Did, EventMatch, Expression, Schedule, Span, Step, Workspace

_DID = re.compile(r"did\.(\w+)")


class Texts:
    """Short texts of one workspace in one language."""

    def __init__(self, language: Language, workspace: Workspace | None = None) -> None:
        self.language = language
        self.workspace = workspace

    def of(self, japanese: str, english: str) -> str:
        """Return the text of the language."""
        return japanese if self.language == "ja" else english

    def span(self, span: Span) -> str:
        """Return a length of time in words."""
        return span_words(span, self.language)

    def named(self, kind: str, *parts: str) -> str:
        """Return the word of a kind and what it is about: 「メール thanks」."""
        return " ".join([kind_word(kind, self.language), *filter(None, parts)])

    def what(self, step: Step) -> str:
        """Return what a step does: 「スコア engagement +5」."""
        write = TEXTS.get(step.kind)
        return kind_word(step.kind, self.language) if write is None else write(self, step)

    def topic(self, name: str) -> str:
        """Return a topic's title, or its name."""
        topic = self.workspace.topics.get(name) if self.workspace else None
        if name == "*":
            return self.of("すべて", "all")
        return topic.title if topic and topic.title else name

    def condition(self, condition: Expression) -> str:
        """Return a condition as the author wrote it, with questions about the past in words."""

        def in_words(found: re.Match[str]) -> str:
            did = condition.did.get(found[0]) or condition.did.get(found[1])
            return found[0] if did is None else self.did(did)

        return _DID.sub(in_words, condition.source)

    def did(self, did: Did) -> str:
        """Return a question about the past: 「参加 2 回以上 (30 日以内)」."""
        often = self.of(f"{did.at_least} 回以上", f"{did.at_least} times") if did.at_least > 1 else ""
        if did.distinct is not None:
            often = self.of(
                f"{did.distinct} {did.at_least} 種類以上", f"{did.at_least} different {did.distinct}"
            )
        within = self.of("({}以内)", "within {}").format(self.span(did.within)) if did.within else ""
        return " ".join(filter(None, [self.event(did.match), often, within]))

    def event(self, match: EventMatch) -> str:
        """Return an event and its properties: 「フォーム送信 (資料請求)」."""
        values = []
        for one in match.properties:
            texts = [self.value(one.name, str(value)) for value in one.values]
            texts += [] if one.prefix is None else [f"{one.prefix}*"]
            values.append(", ".join(texts))
        where = [self.condition(match.where)] if match.where else []
        inside = " & ".join([*values, *where])
        return event_word(match.event, self.language) + (f" ({inside})" if inside else "")

    def value(self, name: str, value: str) -> str:
        """Return the value of an event's property; a form by its title."""
        form = self.workspace.forms.get(value) if self.workspace and name == "form" else None
        return form.title if form and form.title else value

    def matcher(self, match: Any) -> str:
        """Return what an entry, an `await`, a goal or an exit looks for. Any kind of matcher."""
        write = MATCHERS.get(match.kind)
        return str(match.kind) if write is None else write(self, match)

    def entry(self, entry: Any) -> str:
        """Return who enters, and how many."""
        text = self.matcher(entry.match)
        if entry.people is not None:
            text += self.of(f"、同じ会社の {entry.people} 人", f", {entry.people} people of a company")
            text += f" ({self.span(entry.within)})" if entry.within else ""
        if entry.limit is not None:
            per = self.span(entry.limit.per)
            count = entry.limit.count
            text += self.of(f"、{per}に {count} 人", f", {count} per {per.removeprefix('1 ')}")
        return text

    def schedule(self, match: Any) -> str:
        """Return a recurring time: 「毎月 第2火曜 10:00」."""
        inside = [f"({match.zone})" if match.zone else "", f"[{match.segment}]" if match.segment else ""]
        return " ".join(filter(None, [self._recurring(match.schedule), *inside]))

    def _recurring(self, one: Schedule | Cron) -> str:
        if isinstance(one, Cron):
            return f"cron {one.cron}"
        if self.language == "ja":
            day = "" if one.weekday is None else f"{'月火水木金土日'[one.weekday]}曜"
            nth = "" if not day or one.nth is None else "最終" if one.nth == -1 else f"第{one.nth}"
            end = "末日" if one.nth == -1 and not day else ""
            last = f"{one.day}日" if one.day is not None else end
            every = {"day": "毎日", "week": "毎週", "month": "毎月"}[one.every]
        else:
            names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
            day = "" if one.weekday is None else names[one.weekday]
            nth = "" if not day or one.nth is None else "last" if one.nth == -1 else f"no. {one.nth}"
            end = "last day" if one.nth == -1 and not day else ""
            last = f"day {one.day}" if one.day is not None else end
            every = {"day": "daily", "week": "every", "month": "monthly,"}[one.every]
        words = " ".join(
            filter(None, [every, nth + day if self.language == "ja" else f"{nth} {day}".strip()])
        )
        return " ".join(filter(None, [words, last, one.at]))


def _send(texts: Texts, step: Any) -> str:
    if step.stream is not None:
        return texts.named("send", texts.of(f"連載 {step.stream}", f"from {step.stream}"))
    return texts.named("send", step.template or "")


def _wait(texts: Texts, step: Any) -> str:
    words = wait_words(step.wait, texts.language)
    return texts.of(f"{words} 待つ", f"wait {words}")


def _await(texts: Texts, step: Any) -> str:
    never = texts.of("(期限なし)", "(no timeout)") if step.timeout is None else ""
    return " ".join(filter(None, [texts.of("反応を待つ", "wait for a response"), never]))


def _experiment(texts: Texts, step: Any) -> str:
    rest = ""
    if step.rest is not None:
        after = texts.span(step.rest.after)
        rest = texts.of(f"・残りは {after}後に勝った案", f", the rest take the winner after {after}")
    return texts.named("experiment", texts.did(step.metric)) + rest


def _task(texts: Texts, step: Any) -> str:
    # Without a title of its own the step is called by the task's.
    title = step.task_title if step.title else ""
    return texts.named(step.type, title, texts.of("({}以内)", "in {}").format(texts.span(step.due)))


def _hand_off(texts: Texts, step: Any) -> str:
    within = step.accept_within
    soon = texts.of("({}以内)", "in {}").format(texts.span(within)) if within else ""
    return texts.named("hand_off", step.queue, soon)


def _recycle(texts: Texts, step: Any) -> str:
    until = (step.until or "").removeprefix("run.")
    length = step.cooldown.get("default")
    words = [until, texts.span(length) if length else ""]
    return texts.named("recycle", texts.of(" または ", " or ").join(filter(None, words)))


def _repeat(texts: Texts, step: Any) -> str:
    most = texts.of(f"最大 {step.most} 回", f"up to {step.most} times")
    return texts.named("repeat", most, texts.condition(step.condition) if step.condition else "")


def _stream(texts: Texts, step: Any) -> str:
    every = texts.of("{}ごと", "every {}").format(texts.span(step.every))
    return texts.named("stream", step.stream, every)


TEXTS: dict[str, Callable[[Texts, Any], str]] = {
    "send": _send,
    "wait": _wait,
    "await": _await,
    "if": lambda texts, step: texts.condition(step.condition),
    "experiment": _experiment,
    "score": lambda texts, step: texts.named("score", step.model, f"{step.points:+d}"),
    "stage": lambda texts, step: texts.named("stage", "→", step.stage),
    "set": lambda texts, step: ", ".join(f"{name} = {value}" for name, value in step.fields.items()),
    "tag": lambda texts, step: texts.named("tag", ", ".join(step.tags)),
    "untag": lambda texts, step: texts.named("untag", ", ".join(step.tags)),
    "subscribe": lambda texts, step: texts.named("subscribe", texts.topic(step.topic)),
    "unsubscribe": lambda texts, step: texts.named("unsubscribe", texts.topic(step.topic)),
    "suppress": lambda texts, step: texts.named("suppress", ", ".join(map(texts.topic, step.topics))),
    "record": lambda texts, step: texts.named("record", event_word(step.event, texts.language)),
    "enrol": lambda texts, step: texts.named("enrol", step.scenario),
    "stream": _stream,
    "hand_off": _hand_off,
    "recycle": _recycle,
    "webhook": lambda texts, step: texts.named("webhook", step.to),
    "notify": lambda texts, step: texts.named("notify", step.to),
    "task": _task,
    "repeat": _repeat,
}

MATCHERS: dict[str, Callable[[Texts, Any], str]] = {
    "event": lambda texts, match: texts.event(match),
    "stage": lambda texts, match: texts.named("stage", ", ".join(match.stages)),
    "when": lambda texts, match: texts.condition(match.when),
    "segment": lambda texts, match: texts.of(f"セグメント {match.segment}", f"segment {match.segment}"),
    "inactive": lambda texts, match: texts.of("{} 活動なし", "inactive for {}").format(
        texts.span(match.after)
    ),
    "date": lambda texts, match: f"{offset_words(match.fact, match.offset, texts.language)} {match.at}",
    "schedule": lambda texts, match: texts.schedule(match),
    "manual": lambda texts, match: word("manual", texts.language),
}
