"""The institution's time as a source of fixes: another service behind the port of a receiver (W-12).

Its statement was signed while our question was on its way, so the truth at our hearing lies between
its moment and that moment plus the whole way. A way that took long makes a vague fix.
"""

import asyncio
from dataclasses import dataclass

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Courier, Entropy, Oscillator
from feiqian.timing.discipline import DEFAULT_DRIFT_PPM, drifted_ms
from feiqian.timing.fixes import Fix
from feiqian.timing.moment import Moment
from feiqian.wire.time_statement import TIME_PATH, TIME_STATEMENT, TimeQuestion

NONCE_BYTES = 16
SOURCE = "platform"
TIMEOUT_MS = 2_000
"""An answer that takes longer would tell a vague time, and the holder waits for it."""


@dataclass(frozen=True, slots=True)
class InstitutionTime:
    """`ports.FixSource` from an institution of the directory."""

    trust: TrustStore
    institution: str
    courier: Courier
    oscillator: Oscillator
    entropy: Entropy
    drift_ppm: int = DEFAULT_DRIFT_PPM
    timeout_ms: int = TIMEOUT_MS

    async def fix(self) -> Fix:
        """Ask now. `Refusal`: bad_signature, wrong_session, unavailable and their kin."""
        nonce = self.entropy(NONCE_BYTES)
        question = cbor.encode(TimeQuestion(VERSION, nonce))
        asked = self.oscillator.read()
        raw = await self._ask(question)
        heard = self.oscillator.read()
        public = self.trust.institution(self.institution).value.public_key
        statement = TIME_STATEMENT.read(self.trust.suite, raw, public)
        if statement.nonce != nonce:
            raise Refusal(Outcome.WRONG_SESSION, "expected the answer to this question")
        counted_ms = heard.elapsed_ms(asked)
        half_ms = -(-(counted_ms + drifted_ms(counted_ms, self.drift_ppm)) // 2)
        moment = statement.moment
        told = Moment(moment.midpoint_ms + half_ms, moment.radius_ms + half_ms)
        return Fix(told, heard, SOURCE)

    async def _ask(self, question: bytes) -> bytes:
        url = self.trust.url(self.institution) + TIME_PATH
        try:
            async with asyncio.timeout(self.timeout_ms / 1000):
                return await self.courier.post(url, question)
        except TimeoutError:
            raise Refusal(Outcome.TIMED_OUT, f"{self.institution} did not tell the time") from None
