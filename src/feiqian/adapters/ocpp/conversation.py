"""What a conversation with a charge point is in every version: whose it is, the time, and questions.

Numbers that we have to give follow from the service's key: what is asked again gets the same number,
also from a central system that started anew.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from ocpp.charge_point import ChargePoint
from ocpp.exceptions import OCPPError
from websockets import ConnectionClosed

from feiqian.adapters.ocpp.connector import Connector
from feiqian.adapters.ocpp.readings import written_moment
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock

HEARTBEAT_S = 60


def number_of(key: str) -> int:
    """The number of what has a key: 31 bits, never zero."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") >> 1 | 1


class VersionedConversation(ChargePoint):
    """A charge point that is connected; a version adds its messages, and the library's class."""

    def __init__(
        self,
        name: str,
        connection: Any,  # noqa: ANN401 - whatever has recv and send
        connectors: Mapping[int, Connector],
        clock: Clock,
        response_timeout_s: float,
    ) -> None:
        super().__init__(name, connection, response_timeout_s)
        self._connectors = connectors
        self._clock = clock

    async def _asked(self, payload: Any) -> Any:  # noqa: ANN401 - the library's dataclasses
        """The answer to a question, None for an error. `Refusal`: timed_out, unavailable."""
        try:
            return await self.call(payload)
        except TimeoutError as error:
            raise Refusal(Outcome.TIMED_OUT, "the charge point did not answer") from error
        except (ConnectionClosed, OCPPError) as error:
            detail = f"the charge point is gone, or answers nonsense: {type(error).__name__}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from error

    def _now(self) -> str:
        return written_moment(self._clock.now().midpoint_ms)

    def _expects(self, key: str) -> bool:
        """Whether a key was given out for any of its connectors."""
        return any(connector.expects(key) for connector in self._connectors.values())
