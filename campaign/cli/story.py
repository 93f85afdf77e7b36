"""The simulated brand of `campaign demo`: its X account, and what happens in its world."""

from typing import Any

import requests

from campaign.errors import NotPossible

BRAND, FOLLOWERS = "acme", 12_000
_JOIN, _LEAVE, _RENAMED = 250, 120, 80


class SimulatedBrand:
    """A brand on the simulator at `x_url`; see docs/simulator.md for the calls."""

    def __init__(self, x_url: str) -> None:
        self._control = f"{x_url}/control/accounts"

    def open_account(self, callback_url: str) -> dict[str, str]:
        """Make the account with its followers and return its keys; people who sign in are sent to `callback_url`."""
        wanted = {"username": BRAND, "name": "Acme", "followers": FOLLOWERS, "callbacks": [callback_url]}
        account = self._call("POST", "", wanted)
        return {name: account[name] for name in account if name not in {"username", "user_id"}}

    def let_time_pass(self) -> str:
        """Have people join, leave and rename themselves; say so in a sentence."""
        self._call("DELETE", f"/{BRAND}/followers", {"count": _LEAVE})
        self._call("POST", f"/{BRAND}/renames", {"count": _RENAMED})
        self._call("POST", f"/{BRAND}/followers", {"count": _JOIN})
        return f"{_JOIN} people begin to follow @{BRAND}, {_LEAVE} leave, {_RENAMED} rename themselves"

    def _call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = requests.request(method, self._control + path, json=body, timeout=30)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise NotPossible(f"The simulator does not answer as it should ({type(error).__name__}).") from None
        return dict(answer.json())
