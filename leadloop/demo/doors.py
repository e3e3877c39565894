"""The real doors that people of the demo go through: forms, tracking, events API, sales API."""

from __future__ import annotations

from typing import Any

import httpx

from leadloop.demo.actions import (
    Action,
    AnswerOffer,
    FinishTask,
    FollowLink,
    LoseDeal,
    OpenDeal,
    OpenMail,
    ReadNotice,
    SubmitForm,
    Unsubscribe,
    ViewPages,
    WinDeal,
)

_TIMEOUT_SECONDS = 30.0
_TOO_LATE = 409


class DoorError(Exception):
    """The web server answered in a way that no visitor should see."""


class Doors:
    """Carries out actions over HTTP. Safe for several threads."""

    def __init__(self, web_url: str, at_once: int) -> None:
        limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
        self._client = httpx.Client(
            base_url=web_url, timeout=_TIMEOUT_SECONDS, limits=limits, trust_env=False
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def perform(self, action: Action) -> dict[str, Any]:
        """Do it and return what came back; empty for a command that came too late.

        Raises `DoorError`, `httpx.HTTPError`.
        """
        match action:
            case SubmitForm():
                return self._post(f"/v1/forms/{action.form}", dict(action.fields))
            case ViewPages():
                views = [
                    {
                        "type": "page_viewed",
                        "email": action.email,
                        "properties": {"path": path, "seconds": 40},
                    }
                    for path in action.paths
                ]
                return self._post("/v1/events", views)
            case OpenMail():
                for image in action.images:
                    self._get(image)
                return {}
            case FollowLink():
                return {"location": self._get(action.url).headers.get("location", "")}
            case Unsubscribe():
                self._check(self._client.post(action.url, data={"List-Unsubscribe": "One-Click"}))
                return {}
            case ReadNotice():
                return self._read_notice(action)
            case _:
                return self._sales(action)

    def _sales(self, action: Action) -> dict[str, Any]:
        match action:
            case AnswerOffer():
                body = {"reason": action.reason} if action.answer == "reject" else {}
                return self._post(f"/v1/offers/{action.offer_id}/{action.answer}", body)
            case FinishTask():
                return self._post(f"/v1/tasks/{action.task_id}/done", {"outcome": action.outcome})
            case OpenDeal():
                deal = {"lead": action.lead_id, "id": action.deal_id, "amount": action.amount}
                return self._post("/v1/deals", deal | ({"offer": action.offer_id} if action.offer_id else {}))
            case WinDeal():
                return self._post(f"/v1/deals/{action.deal_id}/won", {})
            case LoseDeal():
                loss = {"reason": action.reason}
                return self._post(
                    f"/v1/deals/{action.deal_id}/lost",
                    loss | ({"revisit_on": action.revisit_on} if action.revisit_on else {}),
                )
            case _:
                raise TypeError(f"no door for {type(action).__name__}")

    def _read_notice(self, action: ReadNotice) -> dict[str, Any]:
        if action.kind == "offer":
            found: dict[str, Any] = self._get(f"/v1/offers/{action.id}").json()
        else:
            found = self._find_task(action.id)
        lead = self._get(f"/v1/leads/{found['lead']}").json()
        return found | {"email": lead["email"]}

    def _find_task(self, task_id: str) -> dict[str, Any]:
        cursor: str | None = None
        while True:
            page = self._get(
                "/v1/tasks", params={"limit": "100"} | ({"cursor": cursor} if cursor else {})
            ).json()
            for task in page["items"]:
                if task["id"] == task_id:
                    return dict(task)
            cursor = page.get("next_cursor")
            if cursor is None:
                raise DoorError("a notice names a task that the API does not list")

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        response = self._client.post(path, json=body)
        if response.status_code == _TOO_LATE:
            return {}
        return dict(self._check(response).json())

    def _get(self, url: str, params: dict[str, str] | None = None) -> httpx.Response:
        return self._check(self._client.get(url, params=params))

    def _check(self, response: httpx.Response) -> httpx.Response:
        if response.status_code >= 400:
            kind = response.request.url.path.split("/")[1:3]
            raise DoorError(f"{response.request.method} /{'/'.join(kind)} answered {response.status_code}")
        return response
