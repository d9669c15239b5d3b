"""Short messages: the port's suite on memory, on another service, and on modules of both generations."""

import asyncio
import random
from dataclasses import replace
from typing import ClassVar

import pytest

from feiqian.adapters.rdss.line import StreamLine
from feiqian.adapters.rdss.rdss_module import RdssModule
from feiqian.apps.terminal_server import TerminalServer
from feiqian.satellite.constellation import Conditions, Constellation, Subscription
from feiqian.satellite.simulator import Simulator
from feiqian.satellite.terminal import Receiver, Terminal
from feiqian.testing.loop_clock import LoopClock
from feiqian.testing.short_message_conformance import Pair, ShortMessageConformance
from feiqian.testing.short_messages import Mailboxes, MailboxTerminal, SharedAir
from feiqian.wire.rdss.bds2 import Bds2
from feiqian.wire.rdss.bds3 import Bds3
from feiqian.wire.rdss.module import Dialect, ModuleIdentity
from feiqian.wire.short_messages import RDSS2, RDSS3_GLOBAL, RDSS3_REGIONAL

NEAR, FAR = "242286", "15240507"
PERIOD_S = 1


@pytest.mark.feature("W-12", "W-06")
class TestAir(ShortMessageConformance):
    """The fake."""

    VIRTUAL_TIME = True

    async def connect(self):
        air = SharedAir(RDSS3_GLOBAL)
        return Pair(air.join("a"), "a", air.join("b"), "b")


@pytest.mark.feature("W-12")
class TestMailboxes(ShortMessageConformance):
    """Another service altogether."""

    VIRTUAL_TIME = True

    async def connect(self):
        office = Mailboxes()
        return Pair(MailboxTerminal(office, "a"), "a", MailboxTerminal(office, "b"), "b")


def _simulator(dialect, seed=1):
    conditions = Conditions(delay_min_ms=0, delay_max_ms=20)
    subscriptions = tuple(
        Subscription(ModuleIdentity(address, "9000001", PERIOD_S, 3), dialect.channel.max_bytes)
        for address in (NEAR, FAR)
    )
    constellation = Constellation(subscriptions, conditions, random.Random(seed).random)
    terminals = tuple(Terminal(address, dialect, Receiver(None)) for address in (NEAR, FAR))
    return Simulator(constellation, terminals, LoopClock())


class ModulesInProcess(ShortMessageConformance):
    """Modules on lines within the process, in virtual time."""

    VIRTUAL_TIME = True
    DIALECT: ClassVar[Dialect] = Bds2()

    async def connect(self):
        simulator = _simulator(self.DIALECT)
        self.running = asyncio.ensure_future(simulator.run())
        near = await RdssModule.sign_on(simulator.connect(NEAR), self.DIALECT)
        far = await RdssModule.sign_on(simulator.connect(FAR), self.DIALECT)
        return Pair(near, near.address, far, far.address)

    async def disconnect(self, pair):
        await super().disconnect(pair)
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


class TestBds2InProcess(ModulesInProcess):
    """The second generation."""


class TestBds3GlobalInProcess(ModulesInProcess):
    """The third generation, global messages."""

    DIALECT = Bds3(RDSS3_GLOBAL)


class ModulesOverTcp(ShortMessageConformance):
    """Modules on real TCP lines."""

    DIALECT: ClassVar[Dialect] = Bds2()

    async def connect(self):
        simulator = _simulator(self.DIALECT)
        self.running = asyncio.ensure_future(simulator.run())
        self.servers = [
            await TerminalServer.listen(simulator, address, "127.0.0.1", 0)
            for address in (NEAR, FAR)
        ]
        near, far = [
            await RdssModule.sign_on(
                await StreamLine.connect("127.0.0.1", server.port), self.DIALECT
            )
            for server in self.servers
        ]
        return Pair(near, near.address, far, far.address)

    async def disconnect(self, pair):
        await super().disconnect(pair)
        for server in self.servers:
            await server.close()
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


@pytest.mark.feature("W-06")
class TestBds2OverTcp(ModulesOverTcp):
    """The second generation."""

    DIALECT = Bds2(replace(RDSS2, period_ms=PERIOD_S * 1000))


@pytest.mark.feature("W-06")
class TestBds3OverTcp(ModulesOverTcp):
    """The third generation, regional messages."""

    DIALECT = Bds3(replace(RDSS3_REGIONAL, period_ms=PERIOD_S * 1000))
