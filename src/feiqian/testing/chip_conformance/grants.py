"""Grants, statements and fees for the chip under test: a service provider and its entities."""

from dataclasses import dataclass

from msgspec.structs import replace

from feiqian.chip.commands import PayFee
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import PrivateKey
from feiqian.money.transfer import Acceptor
from feiqian.testing.chip_conformance.bench import NOW, Bench
from feiqian.testing.keys import NOW_MS
from feiqian.wire.authorisation import (
    AUTHORISATION,
    ENTITY_STATEMENT,
    Authorisation,
    EntityStatement,
    Grant,
)
from feiqian.wire.usage import ServiceClass

UNTIL_MS = NOW_MS + 3_600_000
STATED_MS = UNTIL_MS + 3_600_000
CEILING_MINOR = 100


@dataclass(frozen=True)
class Grants:
    """What a holder of the chip at `bench` allows, and what is then asked of it."""

    bench: Bench

    @property
    def provider(self) -> PrivateKey:
        """Of the service provider."""
        return self.bench.world.key("provider")

    def entity(self, name: str = "charger-1") -> bytes:
        """The fingerprint of a service entity's wallet."""
        world = self.bench.world
        return world.suite.fingerprint(world.key(f"entity/{name}").public)

    def grant(self, **changed: object) -> Grant:
        """One use for one fee at any charger of the provider, or as changed."""
        grant = Grant(
            payee=None,
            provider=self.provider.public,
            service=ServiceClass.CHARGING,
            ceiling_minor=CEILING_MINOR,
            valid_from_ms=NOW_MS,
            valid_until_ms=UNTIL_MS,
            uses=1,
        )
        return replace(grant, **changed)

    def authorise(self, **changed: object) -> Authorisation:
        """Have the chip authorise; what it signed, verified as the chip's."""
        raw = self.bench.session.authorise(self.grant(**changed), NOW)
        return AUTHORISATION.read(self.bench.world.suite, raw, self.bench.status.public_key)

    def statement(
        self, name: str = "charger-1", key: PrivateKey | None = None, **changed: object
    ) -> bytes:
        """The provider's word on an entity, or another's, or with other words."""
        value = EntityStatement(VERSION, name, ServiceClass.CHARGING, self.entity(name), STATED_MS)
        suite = self.bench.world.suite
        return ENTITY_STATEMENT.sign(suite, key or self.provider, replace(value, **changed))

    def fee(
        self, authorisation: int, amount_minor: int, inputs: tuple[bytes, ...], **changed: object
    ) -> PayFee:
        """A fee for the first charger, by an order of its own, or as changed."""
        nonce = self.bench.nonce()
        fee = PayFee(
            payee=self.entity(),
            amount_minor=amount_minor,
            nonce=nonce,
            moment=NOW,
            inputs=inputs,
            authorisation=authorisation,
            order_id=nonce[::-1],
            statement=self.statement(),
            acceptor=Acceptor.MANAGER,
        )
        return replace(fee, **changed)
