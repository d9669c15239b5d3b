"""A wallet's report goes up by satellite, is judged by its institution, and is answered."""

import pytest

from feiqian.crypto.compact import restore
from feiqian.institution import wallets
from feiqian.outcomes import Outcome
from feiqian.wire.risk import Finding
from tests.scenario.satellite_bench import run


@pytest.mark.feature("W-05", "W-06", "W-07", "W-10")
def test_report_is_judged_and_the_chip_synchronised():
    """An offline wallet's report is stored, judged, answered, and its chip takes the statement."""

    async def scenario(bench):
        terminal = await bench.terminal()
        bench.network.clock.advance(60_000)
        assert await bench.exchange(terminal.report()) == ()
        assert await bench.network.gateway.forward_reports() == 1
        [task] = await bench.exchange()
        answer = terminal.answer_in(task)
        assert (answer.acknowledged, answer.findings) == (1, ())
        statement = restore(bench.network.suite, answer.statement)
        assert terminal.session.synchronise(statement)
        now = bench.network.clock.now()
        assert terminal.session.status().synchronised_at == now
        [shown] = await bench.reports(terminal.number)
        assert (shown.outcome, shown.synchronised) == (Outcome.ACCEPTED, True)

    run(scenario)


@pytest.mark.feature("W-07", "W-10")
def test_frozen_wallet_is_not_synchronised():
    """A wallet that its institution has frozen is told so and gets no statement."""

    async def scenario(bench):
        terminal = await bench.terminal()
        store = bench.network.stores["A"]
        store.run(lambda tx: wallets.freeze(tx, terminal.number, True))
        await bench.exchange(terminal.report())
        await bench.network.gateway.forward_reports()
        [task] = await bench.exchange()
        answer = terminal.answer_in(task)
        assert answer.statement == b""
        assert Finding.WALLET_FROZEN in answer.findings
        [shown] = await bench.reports()
        assert (shown.findings, shown.synchronised) == (("wallet_frozen",), False)

    run(scenario)
