"""Addresses in Temporal's Web UI, where its own address is known."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from leadloop.contracts import SCENARIO, journey_workflow_id


@dataclass(frozen=True)
class TemporalPages:
    """Pages of one Web UI and namespace; without an address there are none."""

    address: str | None = None
    namespace: str = "default"

    def journey(self, journey_id: str) -> str | None:
        """Return the page of a journey's workflow."""
        return self._page(f"/workflows/{quote(journey_workflow_id(journey_id), safe='')}")

    def scenario(self, name: str) -> str | None:
        """Return the list of a scenario's workflows; it needs the search attributes."""
        query = f'`{SCENARIO}`="{name}"'
        return self._page(f"/workflows?query={quote(query, safe='')}")

    def _page(self, path: str) -> str | None:
        if self.address is None:
            return None
        return f"{self.address.rstrip('/')}/namespaces/{quote(self.namespace, safe='')}{path}"
