"""The provider as a party: its entities are data, and its statements are signed when they are asked for.

An entity is offered to whoever asks for its kind of service and comes first by name, or to whoever
names it. Whether it is free is the entity's to say, when a vehicle stands there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.protocol.service.provider import OfferedEntity, ProviderMachine, ProviderSetup
from feiqian.protocol.service.records import ProviderService
from feiqian.vehicle.party import Office, Party
from feiqian.wire.authorisation import ENTITY_STATEMENT, EntityStatement
from feiqian.wire.service import Said, ServiceRequest
from feiqian.wire.usage import ServiceClass

OFFER_VALID_MS = 3_600_000
"""How long a vehicle has to arrive."""


@dataclass(frozen=True, slots=True)
class OwnEntity:
    """An entity of this provider."""

    name: str
    service: ServiceClass
    wallet: bytes
    """Fingerprint of its chip's key."""
    tariff: str
    stated_until_ms: int
    """How long the provider's word on it holds."""


def state(suite: Suite, key: PrivateKey, entity: OwnEntity) -> bytes:
    """The provider's signed word on an entity."""
    statement = EntityStatement(
        VERSION, entity.name, entity.service, entity.wallet, entity.stated_until_ms
    )
    return ENTITY_STATEMENT.sign(suite, key, statement)


class Provider(Party[ProviderService]):
    """A provider."""

    RECORD: ClassVar = ProviderService

    def __init__(
        self,
        office: Office,
        management: str,
        entities: Sequence[OwnEntity],
        offer_valid_ms: int = OFFER_VALID_MS,
    ) -> None:
        super().__init__(office)
        self._entities: list[OwnEntity] = []
        self.offer(entities)
        self._setup = ProviderSetup(self.name, management, offer_valid_ms, self._choose)

    def offer(self, entities: Sequence[OwnEntity]) -> None:
        """Offer these from now on, and no others."""
        self._entities = sorted(entities, key=lambda entity: entity.name)

    def _choose(self, request: ServiceRequest) -> OfferedEntity:
        for entity in self._entities:
            if entity.service is request.service and request.entity in (None, entity.name):
                post = self.office.post
                statement = state(post.suite, post.key, entity)
                return OfferedEntity(entity.name, entity.service, statement, entity.tariff)
        wanted = request.entity or f"an entity for {request.service}"
        raise Refusal(Outcome.UNKNOWN_NAME, f"{self.name} does not have {wanted}")

    def _machine(self, tx: Transaction, record: ProviderService) -> ProviderMachine:
        del tx
        return ProviderMachine(record, self._setup)

    def _new(self, request_id: bytes, message: Said) -> ProviderService | None:
        return ProviderService(VERSION, request_id) if isinstance(message, ServiceRequest) else None
