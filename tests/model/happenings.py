"""What Hypothesis lets happen: to the lead, to the processes, and what people do."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.model.actions import (
    Action,
    Answer,
    Cancel,
    Confuse,
    Edit,
    Enrol,
    Erase,
    Event,
    Finish,
    Kill,
    KillSender,
    LoseWakes,
    MailServer,
    Migrate,
    Pause,
    PauseScenario,
    Put,
    Rebuild,
    Resume,
    Retry,
    StopMails,
    UntilDue,
    Wait,
)

KILLS = ("before", "after")
SENDER_POINTS = ("before_claim", "after_claim", "after_data", "after_250", "before_record", "after_record")
CLOCKS = ("run", "freeze", "restart", None)
_PATHS = ("/price", "/price/plans", "/about")
_FORMS = ("whitepaper", "contact")
_NEW_VALUES = (
    (),
    (("industry", "it"),),
    (("employees", 300),),
    (("employees", 10), ("industry", "manufacturing")),
    (("purchase_timing", "2027-01-15"),),
    (("purchase_timing", "2026-12-20"),),
)


def _events() -> st.SearchStrategy[Event]:
    twice = st.booleans()
    views = st.builds(
        lambda path, seconds, twice: Event(
            "page_viewed", (("path", path), ("seconds", seconds)), twice=twice
        ),
        st.sampled_from(_PATHS),
        st.sampled_from((3, 40)),
        twice,
    )
    forms = st.builds(
        lambda form, values, twice: Event("form_submitted", (("form", form),), values, twice=twice),
        st.sampled_from(_FORMS),
        st.sampled_from(_NEW_VALUES),
        twice,
    )
    seminars = st.builds(
        lambda kind, seminar, twice: Event(kind, (("seminar", seminar),), twice=twice),
        st.sampled_from(("seminar_registered", "seminar_registered", "seminar_cancelled")),
        st.sampled_from(("s1", "s2")),
        twice,
    )
    reads = st.builds(
        lambda kind, of, twice: Event(kind, of=of, twice=twice),
        st.sampled_from(("email_clicked", "email_clicked", "email_opened")),
        st.integers(0, 3),
        twice,
    )
    deals = st.builds(
        lambda kind, deal, more: Event(kind, (("deal", deal), *(more if kind == "deal_lost" else ()))),
        st.sampled_from(("deal_opened", "deal_opened", "deal_lost", "deal_lost", "deal_won")),
        st.sampled_from(("d1", "d2")),
        st.sampled_from(((), (("reason", "timing"),), (("reason", "no_budget"), ("revisit_on", "2026-12")))),
    )
    refusals = st.sampled_from(
        (
            Event("unsubscribed", (("topic", "nurture"),)),
            Event("unsubscribed", (("topic", "service"),)),
            Event("unsubscribed"),
            Event("email_bounced", (("kind", "hard"),)),
            Event("email_complained"),
        )
    )
    return st.one_of(views, views, forms, forms, reads, reads, deals, seminars, seminars, refusals)


def _enrols() -> st.SearchStrategy[Action]:
    return st.builds(Enrol, st.sampled_from(("welcome", "welcome", "other")))


def _records() -> st.SearchStrategy[Action]:
    starts = ("2026-11-24T10:00:00+09:00", "2026-11-30T15:00:00+09:00", "2026-11-17T09:00:00+09:00")
    return st.builds(Put, st.sampled_from(("s1", "s2")), st.sampled_from(starts))


def _sales() -> st.SearchStrategy[Action]:
    numbers = st.integers(0, 1)
    return st.one_of(
        st.builds(Answer, numbers, st.sampled_from(("accepted", "accepted", "rejected", "working"))),
        st.builds(Answer, numbers, st.just("accepted")),
        st.builds(
            Finish,
            numbers,
            st.sampled_from(("connected", "absent", "later")),
            st.sampled_from(((), (("industry", "it"),))),
            st.sampled_from((None, "2026-12-20", "2027-01")),
        ),
    )


def faults() -> st.SearchStrategy[Action]:
    return st.one_of(
        st.builds(Kill, st.integers(0, 6), st.sampled_from(KILLS)),
        st.builds(KillSender, st.sampled_from(SENDER_POINTS)),
        st.builds(MailServer, st.sampled_from(("refuse", "refuse_address", "lose", "be_busy"))),
        st.just(Confuse()),
        st.just(Rebuild()),
        st.just(LoseWakes()),
    )


def _people() -> st.SearchStrategy[Action]:
    renames = st.sampled_from(("nothing", "mapped", "elsewhere", "lost", "lost"))
    return st.one_of(
        st.builds(StopMails, st.sampled_from((5, 45))),
        st.builds(Pause, st.integers(0, 1), st.sampled_from(("run", "freeze", "restart"))),
        st.builds(Resume, st.integers(0, 1)),
        st.builds(Cancel, st.integers(0, 1)),
        st.builds(Retry, st.integers(0, 1)),
        st.builds(Edit, st.sampled_from(("move", "finish", "exit", "stay")), renames, st.integers(0, 5)),
        st.builds(Edit, st.just("move"), renames, st.integers(0, 5), st.booleans()),
        st.builds(Migrate, st.integers(0, 5)),
        st.builds(PauseScenario, st.sampled_from(("welcome", "welcome", "other")), st.sampled_from(CLOCKS)),
    )


def actions() -> st.SearchStrategy[Action]:
    time = st.one_of(
        st.builds(Wait, st.sampled_from((1, 5, 20, 24, 72, 24 * 8))), st.just(UntilDue()), st.just(UntilDue())
    )
    return weighed(
        (_events(), 5),
        (time, 5),
        (_people(), 3),
        (faults(), 2),
        (_sales(), 3),
        (_records(), 1),
        (_enrols(), 1),
    )


def weighed(*choices: tuple[st.SearchStrategy[Any], int]) -> st.SearchStrategy[Any]:
    """Choose one, by weight. `one_of` would choose evenly among everything in them."""
    drawn = [one for one, weight in choices for _ in range(weight)]
    return st.integers(0, len(drawn) - 1).flatmap(lambda number: drawn[number])


def _registers(seminar: str) -> Event:
    return Event("seminar_registered", (("seminar", seminar),))


def scenes() -> st.SearchStrategy[tuple[Action, ...]]:
    """What belongs together and would seldom come together by chance."""
    refusals: tuple[dict[str, str], ...] = ({"topic": "nurture"}, {"topic": "service"}, {})
    asks = Event("form_submitted", (("form", "whitepaper"),))
    return st.one_of(
        st.sampled_from(
            [
                *((Event("unsubscribed", tuple(one.items())), Enrol()) for one in refusals),
                (Event("unsubscribed"), asks, Enrol()),
                (Event("email_bounced", (("kind", "hard"),)), Enrol()),
            ]
        ),
        st.builds(
            lambda deal, wait: (Answer(0, "accepted"), wait, deal, UntilDue(), UntilDue()),
            st.sampled_from(
                (
                    Event("deal_lost", (("deal", "d1"), ("reason", "timing"))),
                    Answer(0, "rejected"),
                    Event("deal_won", (("deal", "d1"),)),
                )
            ),
            st.sampled_from((Wait(1), UntilDue(), Wait(24 * 8))),
        ),
        st.builds(
            lambda name, clock, hours: (PauseScenario(name, clock), Wait(hours), PauseScenario(name, None)),
            st.sampled_from(("welcome", "other")),
            st.sampled_from(CLOCKS[:3]),
            st.sampled_from((1, 30, 24 * 6)),
        ),
        st.builds(
            lambda step, to, edit: (edit(step), UntilDue(), Migrate(to), UntilDue()),
            st.integers(0, 5),
            st.integers(0, 5),
            st.sampled_from(
                (lambda step: Edit("move", "lost", step, True), lambda step: Edit("stay", "lost", step))
            ),
        ),
        st.just((Enrol(), Enrol("other"), UntilDue(), UntilDue())),
        st.builds(
            lambda first, second: (_registers("s1"), _registers("s2"), first, UntilDue(), second, UntilDue()),
            _records(),
            _records(),
        ),
        st.builds(
            lambda says, hours: (
                Enrol("other"),
                Answer(1, says),
                Wait(hours),
                Answer(1, "rejected"),
                UntilDue(),
            ),
            st.sampled_from(("accepted", "working")),
            st.sampled_from((1, 30, 24 * 6)),
        ),
        st.builds(
            lambda clock, hours, number: (Pause(number, clock), Wait(hours), Resume(number)),
            st.sampled_from(("run", "freeze", "restart")),
            st.sampled_from((1, 30, 24 * 6)),
            st.integers(0, 1),
        ),
        st.builds(lambda fault: (fault, Enrol()), faults()),
        st.builds(lambda fault: (fault, UntilDue()), faults()),
        st.builds(lambda of: (Event("email_clicked", of=of), UntilDue()), st.integers(0, 3)),
        st.builds(lambda number: (MailServer("refuse"), UntilDue(), Retry(number)), st.integers(0, 1)),
    )


def endings() -> st.SearchStrategy[tuple[Action, ...]]:
    """Erase the lead at the end at times, and see that it stays quiet."""
    after = st.lists(st.one_of(_events(), st.just(UntilDue()), st.just(Enrol())), max_size=3)
    erased = st.builds(lambda found: (Erase(), *found), after)
    return st.one_of(st.just(()), st.just(()), erased)
