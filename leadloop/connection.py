"""Connecting to Temporal, by Temporal's own configuration (`temporal.toml`, `TEMPORAL_*`)."""

from __future__ import annotations

import asyncio
import logging
from functools import cache
from typing import Any, cast

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError

from leadloop.contracts import SEARCH_ATTRIBUTES

_log = structlog.get_logger()
_CONNECT_SECONDS = 30.0
"""A service that takes the connection and says nothing is given up then."""


class ConnectionFailedError(Exception):
    """The Temporal service cannot be reached; the text says where it was looked for."""


async def connect(address: str | None = None, *, metrics: str | None = None) -> Client:
    """Return a client of the named service, or of the configured one.

    `metrics` is an address (`127.0.0.1:9101`) at which the SDK serves its metrics for Prometheus.
    Raises `ConnectionFailedError` where it does not answer.
    """
    options: dict[str, Any] = {"target_host": address}
    if address is None:
        options = cast("dict[str, Any]", ClientConfig.load_client_connect_config())
        options.setdefault("target_host", "localhost:7233")
    runtime = _runtime(metrics)
    try:
        connecting = Client.connect(**options, data_converter=pydantic_data_converter, runtime=runtime)
        return await asyncio.wait_for(connecting, _CONNECT_SECONDS)
    except (RuntimeError, RPCError, OSError, TimeoutError) as error:
        raise ConnectionFailedError(
            f"no Temporal service at {options['target_host']}: set TEMPORAL_ADDRESS, or run "
            "`leadloop up`, which brings its own"
        ) from error


async def are_attributes_registered(client: Client) -> bool:
    """Return whether the service knows the search attributes of journeys, as keywords; log it if not.

    Where it does not, or does not say, journeys run without them.
    """
    try:
        reply = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        _log.warning("search_attributes_unknown", status=error.status.name)
        return False
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    missing = [name for name in SEARCH_ATTRIBUTES if reply.custom_attributes.get(name) != keyword]
    if missing:
        _log.warning("search_attributes_missing", missing=missing)
    return not missing


@cache
def _runtime(metrics: str | None) -> Runtime:
    """Return the SDK's runtime; its core logs through Python, because standard output is for data."""
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    filtered = TelemetryFilter(core_level="WARN", other_level="ERROR")
    logs = LoggingConfig(filter=filtered, forwarding=forwarding)
    if metrics is None:
        return Runtime(telemetry=TelemetryConfig(logging=logs))
    served = PrometheusConfig(
        bind_address=metrics, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    try:
        return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=served))
    except (RuntimeError, ValueError) as error:
        raise ConnectionFailedError(
            f"the SDK's metrics cannot be served at {metrics}: set another LEADLOOP_METRICS_SDK_PORT"
        ) from error
