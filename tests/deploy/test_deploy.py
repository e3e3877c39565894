"""The files of `deploy/`: they render, and name only what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_python.chart import Chart, lint

from leadloop.contracts import email_queue, integrations_queue, journeys_queue
from leadloop.inbox.turns.turn import EMAIL_PROVIDER
from leadloop.settings import Settings
from worker import ALL

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "leadloop"
EVERYTHING = {
    "keda": {"enabled": True},
    "podMonitor": {"enabled": True},
    "web": {"ingress": {"enabled": True, "tlsSecret": "certificate"}},
}
_SETTINGS = {f"LEADLOOP_{name.upper()}" for name in Settings.model_fields}


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    files = Chart.load(CHART).render(values, name="shop")
    return [one for text in files.values() for one in yaml.safe_load_all(text) if one]


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return document


def commands(document: Any) -> list[list[str]]:
    """Return every `command` in a tree."""
    if isinstance(document, list):
        return [found for one in document for found in commands(one)]
    if not isinstance(document, dict):
        return []
    own = [document["command"]] if isinstance(document.get("command"), list) else []
    return own + [found for value in document.values() for found in commands(value)]


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["usual", "everything"])
def test_chart_is_clean(values: dict[str, Any]) -> None:
    report = lint(CHART, values, strict=True)
    assert [one for one in report["messages"] if one["severity"] > 1] == []
    assert report["errors"] == []


def test_chart_has_a_deployment_for_every_kind_of_work() -> None:
    for files in (rendered({}), [compose()]):
        kinds = [
            command[3:] for command in commands(files) if command[:3] == ["python", "worker.py", "--run"]
        ]
        assert sorted(kind for one in kinds for kind in one) == sorted(ALL)


def test_chart_scales_by_the_queues_there_are() -> None:
    scaled = [one for one in rendered(EVERYTHING) if one["kind"] == "ScaledObject"]
    queues = {one["spec"]["triggers"][0]["metadata"]["taskQueue"] for one in scaled}
    assert queues == {
        journeys_queue("acme"), email_queue("acme", EMAIL_PROVIDER), integrations_queue("acme")
    }  # fmt: skip
    named = {one["metadata"]["name"] for one in rendered(EVERYTHING) if one["kind"] == "Deployment"}
    assert {one["spec"]["scaleTargetRef"]["name"] for one in scaled} <= named
    assert all(isinstance(one["spec"]["triggers"][0]["metadata"]["targetQueueSize"], str) for one in scaled)


def test_chart_leaves_replicas_to_keda_where_it_scales() -> None:
    deployments = [one for one in rendered(EVERYTHING) if one["kind"] == "Deployment"]
    free = {one["metadata"]["name"] for one in deployments if "replicas" not in one["spec"]}
    assert free == {"shop-journeys", "shop-email", "shop-integrations"}


def test_settings_that_files_name_exist() -> None:
    texts = [path.read_text("utf-8") for path in DEPLOY.rglob("*") if path.is_file()]
    named = {name for text in texts for name in re.findall(r"LEADLOOP_[A-Z_]+", text)}
    assert named
    assert named - _SETTINGS == set()


def test_alerts_and_dashboard_ask_for_metrics_there_are() -> None:
    page = (DEPLOY.parent / "docs" / "monitoring.md").read_text("utf-8")
    known = set(re.findall(r"^\| `(leadloop_[a-z_]+)`", page, re.MULTILINE))
    rules = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
    panels = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text("utf-8"))["panels"]
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in panels for target in panel["targets"]]
    named = {name for text in asked for name in re.findall(r"leadloop_[a-z_]+", text)}
    assert len(named) > 10
    assert named - known == set()
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_compose_names_services_and_variables_that_exist() -> None:
    document = compose()
    services = document["services"]
    for name, service in services.items():
        for other in service.get("depends_on", {}):
            assert other in services, f"{name} depends on {other}"
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    example = (DEPLOY / "env.example").read_text("utf-8")
    for variable in set(re.findall(r"\$\{([A-Z_]+)", text)):
        assert re.search(rf"^{variable}=", example, re.MULTILINE), variable


def test_ports_of_compose_are_open_to_this_machine_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(str(port).startswith("127.0.0.1:") for port in ports)
