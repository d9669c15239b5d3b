"""Online payments between two institutions: real processes, one payment a request, durable.

Payers at A pay payees at B. Every payer's payments are a chain (each spends the change of the one
before), signed before the clock starts; then each payer posts its payments one after the other to
the payee's institution, which cashes them with A, and waits for each answer. Load, both
institutions and the platform share this machine's processors.
"""

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.measure import percentile_ms, verification_rate
from feiqian.adapters.http_client import HttpCourier
from feiqian.apps import network
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.p256 import P256_SHA256 as SUITE
from feiqian.crypto.suites import PrivateKey
from feiqian.money.currency import parse_currency
from feiqian.money.piece import Output, issued_output, outputs_of
from feiqian.money.transfer import Acceptor, Transfer, sign_transfer
from feiqian.timing.moment import Moment
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.items import PaymentItem
from feiqian.wire.payment import PAYMENTS_PATH, PaymentRequest, PaymentResult
from feiqian.wire.request_envelope import (
    ANSWER,
    MAX_BODY_BYTES,
    NEW_WALLET,
    REQUESTS_PATH,
    WALLET_REQUEST,
    Action,
    Request,
)
from feiqian.wire.wallet_requests import (
    IssuedResult,
    OpenBody,
    OpenResult,
    WithdrawBody,
)

PAYERS = int(os.environ.get("FEIQIAN_BENCH_CONNECTIONS", "128"))
"""Payers at once: connections of the load."""
PAYMENTS_EACH = int(os.environ.get("FEIQIAN_BENCH_PAYMENTS", "60"))
WARM_UP_EACH = 5
MERCHANT_TIER = 3
WITHDRAWN_MINOR = 1_000_000
PRICE_MINOR = 100
BASE_PORT = 18_600


@dataclass
class _Holder:
    """A wallet in the load generator's hands."""

    code: str
    url: str
    key: PrivateKey
    courier: HttpCourier
    number: str = NEW_WALLET
    certificate: bytes = b""

    async def ask(self, action: Action, body: object) -> bytes:
        request = Request(
            version=VERSION,
            request_id=os.urandom(16),
            sender=self.number,
            addressee=self.code,
            sent_at_ms=time.time_ns() // 1_000_000,
            action=action,
            body=cbor.encode(body),
        )
        raw = WALLET_REQUEST.sign(SUITE, self.key, request)
        return ANSWER.peek(SUITE, await self.courier.post(f"{self.url}{REQUESTS_PATH}", raw)).result

    async def open(self) -> None:
        body = OpenBody(VERSION, self.key.public, MERCHANT_TIER)
        result = cbor.decode(await self.ask(Action.OPEN, body), OpenResult, limit=MAX_BODY_BYTES)
        self.certificate = result.chip_certificate
        self.number = result.account

    async def withdraw(self) -> Output:
        result = await self.ask(Action.WITHDRAW, WithdrawBody(VERSION, WITHDRAWN_MINOR))
        issued = cbor.decode(result, IssuedResult, limit=MAX_BODY_BYTES)
        return issued_output(parse_currency(SUITE, issued.currencies[0]))

    def sign_chain(self, cash: Output, payee: bytes, count: int) -> list[bytes]:
        """`count` payment requests, each of the change of the one before."""
        requests = []
        for counter in range(1, count + 1):
            nonce = os.urandom(16)
            transfer = sign_transfer(
                SUITE,
                self.key,
                Transfer(
                    version=VERSION,
                    consumed=cash.identifier,
                    payee=payee,
                    amount_minor=PRICE_MINOR,
                    change_minor=cash.amount_minor - PRICE_MINOR,
                    counter=counter,
                    moment=Moment(time.time_ns() // 1_000_000, 500),
                    nonce=nonce,
                    acceptor=Acceptor.MANAGER,
                ),
            )
            item = PaymentItem(self.code, None, (transfer.raw,), (self.certificate,))
            requests.append(encode_message(PaymentRequest(nonce, (item,))))
            cash = outputs_of(transfer, cash.owner)[1]
        return requests


def run() -> dict[str, object]:
    """Set up, warm up, measure, take down."""
    with tempfile.TemporaryDirectory(prefix="feiqian-bench-") as name:
        folder = Path(name) / "network"
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_measure(folder))


async def _measure(folder: Path) -> dict[str, object]:
    plan = network.Plan(("A", "B"), "p256", BASE_PORT, 10**12, 10**8)
    await network.make(folder, plan)
    before = verification_rate()
    network.up(folder)
    courier = HttpCourier(timeout_s=60)
    try:
        chains = await _prepare(folder, courier)
        url = network.institution_url(folder, "B") + PAYMENTS_PATH
        await _load(courier, url, [chain[:WARM_UP_EACH] for chain in chains])
        cpu_before, start = _server_cpu_s(folder), time.perf_counter()
        durations = await _load(courier, url, [chain[WARM_UP_EACH:] for chain in chains])
        elapsed = time.perf_counter() - start
        cpu_s = _server_cpu_s(folder) - cpu_before
    finally:
        await courier.close()
        network.down(folder)
    verify = (before + verification_rate()) / 2
    per_second = len(durations) / elapsed
    return {
        "payments_per_s": round(per_second, 1),
        "p50_ms": percentile_ms(durations, 0.50),
        "p99_ms": percentile_ms(durations, 0.99),
        "ratio_to_verify": round(per_second / verify, 4),
        "verify_per_s": round(verify),
        "server_cpu_us_per_payment": round(cpu_s / len(durations) * 1e6),
        "payments": len(durations),
        "connections": PAYERS,
        "processors": os.cpu_count(),
    }


def _server_cpu_s(folder: Path) -> float:
    """Processor time that platform and institutions have used since they started."""
    ticks = 0
    for server in network.servers(folder):
        fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        ticks += sum(int(field) for field in fields.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


async def _prepare(folder: Path, courier: HttpCourier) -> list[list[bytes]]:
    def holder(code: str) -> _Holder:
        return _Holder(code, network.institution_url(folder, code), SUITE.generate(), courier)

    payers = [holder("A") for _ in range(PAYERS)]
    payees = [holder("B") for _ in range(PAYERS)]
    await asyncio.gather(*(each.open() for each in (*payers, *payees)))
    cash = await asyncio.gather(*(payer.withdraw() for payer in payers))
    count = WARM_UP_EACH + PAYMENTS_EACH
    return [
        payer.sign_chain(held, SUITE.fingerprint(payee.key.public), count)
        for payer, payee, held in zip(payers, payees, cash, strict=True)
    ]


async def _load(courier: HttpCourier, url: str, chains: list[list[bytes]]) -> list[float]:
    durations: list[float] = []

    async def pay_all(chain: list[bytes]) -> None:
        for request in chain:
            start = time.perf_counter()
            decode_message(await courier.post(url, request), PaymentResult)
            durations.append(time.perf_counter() - start)

    await asyncio.gather(*(pay_all(chain) for chain in chains))
    return durations
