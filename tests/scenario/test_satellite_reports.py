"""A wallet's report goes up by satellite, is judged by its institution, and is answered."""

import random

import pytest

from feiqian.central.air import MAX_OPEN_FOR_CHANNEL
from feiqian.central.control_documents import OrderName
from feiqian.central.satellite_gateway import SatelliteGateway
from feiqian.central.uplinks import MAX_EACH_HOUR
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import PLATFORM
from feiqian.crypto.compact import restore, shorten
from feiqian.crypto.p256 import P256_SHA256
from feiqian.institution import asking, wallets
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.network import key_of
from feiqian.wire.channels import ChannelResult, PassOnChannelBody, RegisterChannelBody
from feiqian.wire.request_envelope import MAX_AGE_MS, WALLET_REQUEST, Action, Request
from feiqian.wire.risk import PLATFORM_REQUEST, Finding, ReportedBody
from feiqian.wire.satellite import (
    HEADER_BYTES,
    Header,
    MessageKind,
    broadcast_message,
    read_header,
    seal_message,
)
from feiqian.wire.stations import MAX_HEARD, Heard
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


@pytest.mark.feature("W-07")
def test_institution_out_of_reach_is_asked_again():
    """A report waits while its institution is silent, also beyond the age of a request, and counts."""

    async def scenario(bench):
        terminal, network = await bench.terminal(), bench.network
        await bench.exchange(terminal.report())
        network.courier.cut_off.add(network.url("A"))
        assert await network.gateway.forward_reports() == 0
        [waiting] = await bench.reports()
        assert (waiting.outcome, waiting.judged_at_ms) == (None, None)
        network.courier.cut_off.clear()
        network.clock.advance(2 * MAX_AGE_MS)
        assert await network.gateway.forward_reports() == 1
        [shown] = await bench.reports()
        assert shown.synchronised

    run(scenario)


@pytest.mark.feature("W-07", "W-10")
def test_lost_answer_of_the_institution_synchronises_once():
    """The institution judges a report once, however often the platform has to ask."""

    async def scenario(bench):
        terminal, network = await bench.terminal(), bench.network
        await bench.exchange(terminal.report())
        network.courier.losing_answers.add(network.url("A"))
        assert await network.gateway.forward_reports() == 0
        network.courier.losing_answers.clear()
        assert await network.gateway.forward_reports() == 1
        [(number,)] = network.stores["A"].run(
            lambda tx: tx.query("SELECT number FROM synchronisations")
        )
        assert number == 1

    run(scenario)


@pytest.mark.feature("W-07", "R-05")
def test_replayed_report_is_not_judged_again():
    """A report that comes again, as it was or under a new number, is one report."""

    async def scenario(bench):
        terminal, network = await bench.terminal(), bench.network
        raw = shorten(network.suite, terminal.report_raw())
        first = terminal.seal(MessageKind.REPORT, raw)
        await bench.exchange(first, first)
        await bench.exchange(first, terminal.seal(MessageKind.REPORT, raw))
        assert len(await bench.reports()) == 1
        assert await network.gateway.forward_reports() == 1
        [answer] = await bench.exchange()
        await bench.exchange(aired=(answer.number,))
        [again] = await bench.exchange(first)
        assert again.content == answer.content
        assert await network.gateway.forward_reports() == 0

    run(scenario)


def _of_another_chip(bench, terminal, other):
    return terminal.seal(MessageKind.REPORT, shorten(bench.network.suite, other.report_raw()))


def _in_another_channel(bench, terminal, other):
    raw = shorten(bench.network.suite, terminal.report_raw())
    return seal_message(terminal.keys.up, Header(MessageKind.REPORT, other.channel, 1), raw)


def _of_an_unknown_channel(bench, terminal, _):
    raw = shorten(bench.network.suite, terminal.report_raw())
    return seal_message(terminal.keys.up, Header(MessageKind.REPORT, 99, 1), raw)


def _sealed_downwards(bench, terminal, _):
    raw = shorten(bench.network.suite, terminal.report_raw())
    return seal_message(terminal.keys.down, Header(MessageKind.REPORT, terminal.channel, 1), raw)


def _of_a_downward_kind(bench, terminal, _):
    raw = shorten(bench.network.suite, terminal.report_raw())
    return terminal.seal(MessageKind.ANSWER, raw)


def _receipts_for_a_report(bench, terminal, _):
    return terminal.seal(MessageKind.RECEIPTS, shorten(bench.network.suite, terminal.report_raw()))


def _altered(bench, terminal, _):
    message = bytearray(terminal.report())
    message[-1] ^= 1
    return bytes(message)


def _broadcast(bench, terminal, _):
    return broadcast_message(1, terminal.report())


@pytest.mark.feature("W-06", "R-05")
@pytest.mark.parametrize(
    "forge",
    [
        _of_another_chip,
        _in_another_channel,
        _of_an_unknown_channel,
        _sealed_downwards,
        _of_a_downward_kind,
        _receipts_for_a_report,
        _altered,
        _broadcast,
    ],
)
def test_forged_message_changes_nothing(forge):
    """What is not the chip's own word in its own channel leaves no trace, and spoils nothing else."""

    async def scenario(bench):
        terminal, other = await bench.terminal(), await bench.terminal("A", "other")
        forged = forge(bench, terminal, other)
        before = _evidence(bench)
        assert await bench.exchange(forged) == ()
        assert _evidence(bench) == before
        await bench.exchange(forged, other.report())
        assert len(await bench.reports()) == 1

    run(scenario)


def _evidence(bench):
    """Everything that the platform keeps of satellites, but when it saw the station."""
    tables = ("channels", "uplinks", "wallet_reports", "air_tasks", "deliveries", "airings")
    store = bench.network.stores["platform"]
    return [store.run(lambda tx, t=table: tx.query(f"SELECT * FROM {t}")) for table in tables]


@pytest.mark.feature("R-05")
def test_ten_thousand_random_messages_change_nothing():
    """A station may hear any noise, also noise that begins like a message, and nothing is changed."""

    async def scenario(bench):
        terminal = await bench.terminal()
        genuine = terminal.report()
        before = _evidence(bench)
        chance = random.Random(4711)
        for _ in range(10_000 // MAX_HEARD + 1):
            assert await bench.exchange(*(_noise(chance, genuine) for _ in range(MAX_HEARD))) == ()
        assert _evidence(bench) == before

    run(scenario)


def _noise(chance, genuine):
    start = genuine[: chance.choice((0, 1, 5, HEADER_BYTES))]
    return start + chance.randbytes(chance.randrange(1, 160))


@pytest.mark.feature("W-06", "R-05")
@pytest.mark.parametrize(
    ("forged", "outcome"),
    [
        ({"station": "South"}, Outcome.UNKNOWN_NAME),
        ({"key": key_of(P256_SHA256, "x", "y")}, Outcome.BAD_SIGNATURE),
        ({"sent_at_ms": 1}, Outcome.EXPIRED),
        ({"number": 1}, Outcome.OUTDATED),
    ],
)
def test_forged_station_is_refused(forged, outcome):
    """Only a registered station's newest exchange is taken; a replayed one is not."""

    async def scenario(bench):
        terminal = await bench.terminal()
        await bench.exchange()
        before = _evidence(bench)
        heard = (Heard("1", terminal.report()),)
        with pytest.raises(Refusal) as caught:
            await bench.network.gateway.exchange(bench.exchange_raw(heard, **forged))
        assert caught.value.outcome is outcome
        assert _evidence(bench) == before

    run(scenario)


@pytest.mark.feature("W-06")
def test_channel_that_floods_is_heard_no_more_for_a_while():
    """A wallet's own messages count up to a limit an hour; nothing is kept beyond it."""

    async def scenario(bench):
        terminal = await bench.terminal()
        for _ in range(MAX_EACH_HOUR + 5):
            await bench.exchange(terminal.receipts())
        [[count]] = bench.network.stores["platform"].run(
            lambda tx: tx.query("SELECT COUNT(*) FROM uplinks")
        )
        assert count == MAX_EACH_HOUR
        assert len(await bench.exchange()) <= MAX_OPEN_FOR_CHANNEL

    run(scenario)


@pytest.mark.feature("W-06")
def test_new_channel_closes_the_old_one():
    """A host that lost its store registers a new key; the old channel is not heard any more."""

    async def scenario(bench):
        old = await bench.terminal()
        report = old.report()
        new = await bench.register(old, "again")
        assert new.channel != old.channel
        await bench.exchange(report)
        assert await bench.reports() == ()
        await bench.exchange(new.report())
        assert len(await bench.reports()) == 1
        same = await bench.register(old, "again")
        assert same.channel == new.channel

    run(scenario)


@pytest.mark.feature("W-06", "R-05")
def test_institution_cannot_register_a_channel_of_its_own_making():
    """The chip signs for its host's key: an institution that puts another there is refused."""

    async def scenario(bench):
        terminal, network = await bench.terminal(), bench.network
        office = network.institutions["A"].office
        key = key_of(P256_SHA256, "thief", "channel")
        body = cbor.encode(RegisterChannelBody(VERSION, key.public, ""))
        now_ms = network.clock.now().midpoint_ms
        request = Request(VERSION, bytes(16), terminal.number, "A", now_ms, Action.CHANNEL, body)
        forged = WALLET_REQUEST.sign(network.suite, office.key, request)
        certificate = terminal.wallet.holder.certificate.raw
        passed_on = cbor.encode(PassOnChannelBody(VERSION, forged, certificate))
        with pytest.raises(Refusal) as caught:
            await asking.ask(office, Action.CHANNEL, passed_on)
        assert caught.value.outcome is Outcome.BAD_SIGNATURE
        other = network.institutions["B"].office
        with pytest.raises(Refusal) as caught:
            await asking.ask(other, Action.CHANNEL, passed_on)
        assert caught.value.outcome is Outcome.WRONG_OWNER

    run(scenario)


@pytest.mark.feature("W-07", "R-05")
def test_institution_judges_for_the_platform_alone():
    """A report that somebody else passes on is refused, and nothing is kept."""

    async def scenario(bench):
        terminal, network = await bench.terminal(), bench.network
        body = cbor.encode(ReportedBody(VERSION, terminal.number, terminal.report_raw()))
        now_ms = network.clock.now().midpoint_ms
        request = Request(VERSION, bytes(16), PLATFORM, "A", now_ms, Action.KEY_INFORMATION, body)
        forged = PLATFORM_REQUEST.sign(network.suite, key_of(P256_SHA256, "x", "y"), request)
        with pytest.raises(Refusal) as caught:
            await network.institutions["A"].answer_report(forged)
        assert caught.value.outcome is Outcome.BAD_SIGNATURE
        rows = network.stores["A"].run(lambda tx: tx.query("SELECT * FROM key_informations"))
        assert rows == []

    run(scenario)


@pytest.mark.feature("W-07")
def test_silent_institution_holds_up_its_own_reports_alone():
    """While one institution is out of reach, the others' wallets are judged and answered."""

    async def scenario(bench):
        first, second = await bench.terminal("A", "a"), await bench.terminal("B", "b")
        await bench.exchange(first.report(), second.report())
        bench.network.courier.cut_off.add(bench.network.url("A"))
        assert await bench.network.gateway.forward_reports() == 1
        [task] = await bench.exchange()
        assert second.answer_in(task).statement

    run(scenario)


@pytest.mark.feature("W-06")
def test_platform_with_another_sealing_key_still_serves_its_stations():
    """Channels of a lost sealing key are out of reach, and spoil nothing for the others."""

    async def scenario(bench):
        old = await bench.terminal()
        await bench.exchange(old.report())
        await bench.order(OrderName.FREEZE, old.number)
        network = bench.network
        network.clock.advance(1)
        key = key_of(P256_SHA256, "bench", "new sealing key")
        network.gateway = SatelliteGateway(network.platform.office, key, network.courier)
        await network.gateway.open()
        assert await network.gateway.forward_reports() == 1
        assert await bench.exchange(old.report()) == ()
        new = await bench.register(old, "new channel")
        [task] = await bench.exchange(new.report())
        assert len(new.orders_in(task)) == 1

    run(scenario)


NO_POINT = b"\x02" + b"\xff" * 32


@pytest.mark.feature("W-06", "R-05")
def test_channel_key_that_cannot_be_sealed_with_is_refused():
    """It would be found out only when something has to be said; so nothing is kept of it."""

    async def scenario(bench):
        terminal = await bench.terminal()
        holder, store = terminal.wallet.holder, bench.network.platform.office.store
        before = await store.read(lambda tx: tx.query("SELECT * FROM channels"))
        body = RegisterChannelBody(VERSION, NO_POINT, "")
        with pytest.raises(Refusal) as caught:
            await holder.look_up(Action.CHANNEL, body, ChannelResult)
        assert caught.value.outcome is Outcome.MALFORMED
        assert await store.read(lambda tx: tx.query("SELECT * FROM channels")) == before

    run(scenario)


@pytest.mark.feature("W-06")
def test_channel_with_a_damaged_key_holds_up_nobody_else():
    """Its orders cannot be sealed; those of the others go on the air."""

    async def scenario(bench):
        spoilt, sound = await bench.terminal("A", "spoilt"), await bench.terminal("A", "sound")
        store = bench.network.platform.office.store
        await store.write(
            lambda tx: tx.execute(
                "UPDATE channels SET public_key = ? WHERE number = ?", (NO_POINT, spoilt.channel)
            )
        )
        await bench.exchange(sound.report())
        for terminal in (spoilt, sound):
            await bench.order(OrderName.FREEZE, terminal.number)
        tasks = await bench.exchange()
        orders = [task for task in tasks if read_header(task.content).kind is MessageKind.ORDERS]
        assert [read_header(task.content).channel for task in orders] == [sound.channel]
        assert len(sound.orders_in(orders[0])) == 1

    run(scenario)
