"""The loops beside the Temporal workers: applier, due rows, backfill, sweeper, and more. Many may run."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog
from temporalio.client import Client

from leadloop.inbox.applier import apply_once
from leadloop.inbox.backfill import run_backfill
from leadloop.inbox.ingestion.ingest import EVENTS
from leadloop.inbox.monitoring.alert_posts import AlertPosts
from leadloop.inbox.monitoring.alerts import SECONDS as ALERT_SECONDS
from leadloop.inbox.monitoring.alerts import watch
from leadloop.inbox.monitoring.presence import BEAT_SECONDS, Presence
from leadloop.inbox.operations.loop import run_operations
from leadloop.inbox.operations.topic import OPERATIONS
from leadloop.inbox.pruning.pruner import Pruner
from leadloop.inbox.pruning.retention import Retention
from leadloop.inbox.recovery.missing import restart_missing
from leadloop.inbox.recovery.restored import gate_is_closed
from leadloop.inbox.recovery.sweeper import sweep
from leadloop.inbox.recovery.watermark import WatermarkKeeper
from leadloop.inbox.relaying.due import earliest_due, run_due
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.relaying.wakes import WAKES
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.inbox.turns.editions import EDITIONS, run_editions
from leadloop.inbox.turns.woken import WokenJourneys
from leadloop.inbox.watch import Watch
from leadloop.scoring.reading import DUES
from leadloop.settings import Endpoint
from leadloop.storage.environment import Environment

_POLL_SECONDS = 0.25
_WARPED_POLL_SECONDS = 0.03
_ROUND_SECONDS = 0.03
"""From the beginning of a round of the applier or relay to the next: what comes meanwhile shares a round.
A round costs much the same for one event as for several."""
_SWEEP_SECONDS = 15.0
_WATERMARK_SECONDS = 10.0
_BACKFILL_SECONDS = 2.0
_PRUNE_SECONDS = 1.0
"""Between two batches: pruning has all day."""
_MOST_BACKLOG = 100
"""Workflow tasks that may wait in the queue before the sweeper holds back."""
_PAUSE_AFTER_ERROR_SECONDS = 1.0
_log = structlog.get_logger()


async def run_services(
    env: Environment,
    client: Client,
    workspace: str,
    stop: asyncio.Event,
    *,
    searchable: bool = False,
    turns: TurnsAhead | None = None,
    alerts_to: Endpoint | None = None,
    keeper: WatermarkKeeper | None = None,
    retention: Retention | None = None,
) -> None:
    """Run all loops until `stop` is set. A loop that fails waits a little and goes on.

    `searchable`: the search attributes of journeys are registered on the server. `turns` takes the turns
    of journeys that events wake. Alerts are posted to `alerts_to`. Without `retention` nothing is pruned.
    The applier, the due rows and the backfill have a thread each: handing every round to a thread pool
    would cost more than most rounds do.
    """
    poll = _WARPED_POLL_SECONDS if env.clock.warped else _POLL_SECONDS
    apart = 0.0 if env.clock.warped else _ROUND_SECONDS
    woken = WokenJourneys(turns) if turns is not None else None
    relay = Relay(env, client, workspace, searchable, woken)
    keeper = keeper or WatermarkKeeper(env, client, workspace)
    dues = Watch(env, DUES, lambda: earliest_due(env))
    posts = AlertPosts(env, alerts_to)
    halt = threading.Event()
    pruner = Pruner(env, retention or Retention())

    async def halt_threads() -> None:
        await stop.wait()
        halt.set()

    async def sweep_once() -> int:
        # Overdue because the workers are busy is not stuck: a restart would only add to the queue.
        if await asyncio.to_thread(gate_is_closed, env):
            return 0
        if await relay.backlog() <= _MOST_BACKLOG:
            await asyncio.to_thread(sweep, env)
            await restart_missing(env, client)
        return 0

    def run_dues() -> int:
        # While the gate is closed nothing may begin by time: the lost database may have begun it already.
        return run_due(env) if dues.is_due() and not gate_is_closed(env) else 0

    await asyncio.gather(
        halt_threads(),
        _in_thread("applier", lambda: apply_once(env, woken), env, _POLL_SECONDS, halt, EVENTS, apart),
        _in_thread("due", run_dues, env, poll, halt),
        _in_thread("editions", lambda: run_editions(env), env, _BACKFILL_SECONDS, halt, EDITIONS),
        _in_thread("operations", lambda: run_operations(env), env, _BACKFILL_SECONDS, halt, OPERATIONS),
        _in_thread("alerts", lambda: watch(env) and 0, env, ALERT_SECONDS, halt),
        _in_thread("alert_posts", posts.run_once, env, ALERT_SECONDS, halt),
        _in_thread(
            "backfill", lambda: 0 if gate_is_closed(env) else run_backfill(env), env, _BACKFILL_SECONDS, halt
        ),
        _in_thread("pruner", pruner.run_batch, env, _PRUNE_SECONDS, halt),
        _loop("relay", relay.run_round, env, poll, stop, WAKES, apart),
        _loop("watermark", keeper.run_once, env, _WATERMARK_SECONDS, stop),
        _loop("sweeper", sweep_once, env, _SWEEP_SECONDS, stop),
    )
    with suppress(Exception):  # what is not deleted is sent once more after the next start
        await relay.settle()
    await asyncio.to_thread(posts.close)


async def run_presence(env: Environment, build: str, stop: asyncio.Event) -> None:
    """Say until `stop` is set that this process lives, whatever kind of work it does."""
    presence = Presence(env, build)

    async def beat() -> int:
        return await asyncio.to_thread(presence.beat)

    await _loop("presence", beat, env, BEAT_SECONDS, stop)
    await asyncio.to_thread(presence.leave)


async def _in_thread(
    name: str,
    work: Callable[[], int],
    env: Environment,
    poll: float,
    halt: threading.Event,
    topic: str | None = None,
    apart: float = 0.0,
) -> None:
    """Run a loop that never awaits anything in a thread of its own, until `halt` is set."""
    with ThreadPoolExecutor(1, name) as thread:
        await asyncio.get_running_loop().run_in_executor(
            thread, _loop_here, name, work, env, poll, halt, topic, apart
        )


def _loop_here(
    name: str,
    work: Callable[[], int],
    env: Environment,
    poll: float,
    halt: threading.Event,
    topic: str | None,
    apart: float = 0.0,
) -> None:
    """Work while there is work; else wait for news of the topic, or for the poll.

    Rounds begin so many seconds apart at least.
    """
    while not halt.is_set():
        again = time.monotonic() + apart
        seen = env.database.news(topic) if topic is not None else 0
        try:
            worked = work()
        except Exception as error:
            _log.error("service_failed", service=name, error=type(error).__name__)
            halt.wait(_PAUSE_AFTER_ERROR_SECONDS)
            continue
        if not worked:
            if topic is None:
                halt.wait(poll)
            else:
                env.database.wait_for_news(topic, seen, poll)
        if (early := again - time.monotonic()) > 0:
            halt.wait(early)


async def _loop(
    name: str,
    work: Callable[[], Awaitable[int]],
    env: Environment,
    poll: float,
    stop: asyncio.Event,
    topic: str | None = None,
    apart: float = 0.0,
) -> None:
    """Work while there is work; else wait for news of the topic, or for the poll.

    Rounds begin so many seconds apart at least.
    """
    while not stop.is_set():
        again = time.monotonic() + apart
        seen = env.database.news(topic) if topic is not None else 0
        try:
            worked = await work()
        except Exception as error:
            _log.error("service_failed", service=name, error=type(error).__name__)
            await _wait(stop, _PAUSE_AFTER_ERROR_SECONDS)
            continue
        if not worked:
            if topic is None:
                await _wait(stop, poll)
            else:
                await asyncio.to_thread(env.database.wait_for_news, topic, seen, poll)
        if (early := again - time.monotonic()) > 0:
            await _wait(stop, early)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
