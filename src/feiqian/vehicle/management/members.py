"""Who belongs to a management server: vehicles, providers and entities, with their keys.

A member is registered by the server's operator; registering it again with the same data changes
nothing, with other data it replaces what was known. An entity's statement comes from its provider.
"""

from dataclasses import dataclass

import msgspec

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.protocol.service.grants import read_statement
from feiqian.timing.moment import Moment
from feiqian.vehicle import service_rows
from feiqian.vehicle.matching.areas import Disc, Polygon, ServiceArea
from feiqian.wire.service import MEMBERSHIP, Member, Membership


class AreaDrawing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where an entity serves: a disc or a polygon, in ten-millionths of a degree."""

    latitude_e7: int = 0
    longitude_e7: int = 0
    radius_mm: int = 0
    corners: tuple[tuple[int, int], ...] = ()

    def shape(self) -> Disc | Polygon:
        """As matching knows it."""
        if self.corners:
            return Polygon(self.corners)
        return Disc(self.latitude_e7, self.longitude_e7, self.radius_mm)


@dataclass(frozen=True, slots=True)
class Registered:
    """A member as it is stored; what concerns entities is empty for the others."""

    name: str
    member: Member
    public_key: bytes
    provider: str = ""
    statement: bytes = b""
    area: AreaDrawing | None = None


def register(tx: Transaction, suite: Suite, one: Registered, now: Moment) -> None:
    """Store a member. `Refusal` by name when an entity's statement is not its provider's."""
    wallet, service = b"", ""
    if one.member is Member.ENTITY:
        key = key_of(tx, one.provider, Member.PROVIDER)
        statement = read_statement(suite, one.statement, key, now)
        if statement.entity != one.name:
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a statement about {one.name}")
        wallet, service = statement.wallet, statement.service.value
    drawing = "" if one.area is None else msgspec.json.encode(one.area).decode()
    if one.area is not None:
        ServiceArea(one.name, service, one.area.shape())
    tx.execute(
        "INSERT INTO members (name, member, public_key, provider, wallet, statement, service, area,"
        " revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
        " member = excluded.member,"
        " public_key = excluded.public_key, provider = excluded.provider, wallet = excluded.wallet,"
        " statement = excluded.statement, service = excluded.service, area = excluded.area,"
        " revision = excluded.revision",
        (
            one.name,
            one.member.value,
            one.public_key,
            one.provider,
            wallet,
            one.statement,
            service,
            drawing,
            revision(tx) + 1,
        ),
    )


def revision(tx: Transaction) -> int:
    """Grows with every registration, whichever process made it."""
    ((number,),) = tx.query("SELECT COALESCE(MAX(revision), 0) FROM members")
    return int(str(number))


def key_of(tx: Transaction, name: str, member: Member) -> bytes:
    """The key of a member in this role. `Refusal` unknown_name."""
    rows = tx.query(
        "SELECT public_key FROM members WHERE name = ? AND member = ?", (name, member.value)
    )
    if not rows:
        raise Refusal(Outcome.UNKNOWN_NAME, f"expected a registered {member}, got {name}")
    return bytes(rows[0][0])


def keys(tx: Transaction) -> dict[str, bytes]:
    """Every member's."""
    return {str(name): bytes(key) for name, key in tx.query("SELECT name, public_key FROM members")}


def areas(tx: Transaction) -> list[ServiceArea]:
    """Where the entities serve."""
    rows = tx.query("SELECT name, service, area FROM members WHERE area <> '' ORDER BY name")
    return [
        ServiceArea(
            str(name), str(service), msgspec.json.decode(str(area), type=AreaDrawing).shape()
        )
        for name, service, area in rows
    ]


def membership(
    suite: Suite, key: PrivateKey, management: str, one: Registered, not_after_ms: int
) -> bytes:
    """The server's signed word on a member."""
    value = Membership(VERSION, management, one.name, one.member, one.public_key, not_after_ms)
    return MEMBERSHIP.sign(suite, key, value)


@dataclass(frozen=True, slots=True)
class Members:
    """The register within a transaction; `protocol.service.admission.Register`."""

    tx: Transaction

    def provider_key(self, name: str) -> bytes:
        """`Refusal` unknown_name."""
        return key_of(self.tx, name, Member.PROVIDER)

    def wallet_of(self, entity: str) -> bytes:
        """Fingerprint of a registered entity's wallet. `Refusal` unknown_name."""
        return self._entity(entity)[0]

    def statement_of(self, entity: str) -> bytes:
        """Its provider's statement. `Refusal` unknown_name."""
        return self._entity(entity)[1]

    def uses_taken(self, payer: bytes, authorisation_number: int) -> int:
        """Requests under this authorisation that were, or may still be, charged."""
        return service_rows.uses_taken(self.tx, payer, authorisation_number)

    def _entity(self, name: str) -> tuple[bytes, bytes]:
        rows = self.tx.query(
            "SELECT wallet, statement FROM members WHERE name = ? AND member = ?",
            (name, Member.ENTITY.value),
        )
        if not rows:
            raise Refusal(Outcome.UNKNOWN_NAME, f"expected a registered entity, got {name}")
        return bytes(rows[0][0]), bytes(rows[0][1])
