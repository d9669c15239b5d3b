"""Inspection: what a host may ask at any time. Nothing here is secret, and nothing changes."""

from feiqian.chip.card.purse import Card, Step
from feiqian.chip.commands import (
    ExportsAnswer,
    GetExports,
    GetPieces,
    GetStatus,
    PiecesAnswer,
    StatusAnswer,
)


def status(card: Card, _command: GetStatus) -> Step:
    """STATUS."""
    state = card.state
    answer = StatusAnswer(
        life_cycle=state.life_cycle,
        unlocked=card.unlocked,
        pin_tries=state.pin.tries if state.pin else 0,
        puk_tries=state.puk.tries if state.puk else 0,
        fingerprint=card.suite.fingerprint(state.public_key) if state.public_key else b"",
        certificate=state.chip_certificate,
        institution_certificate=state.institution_certificate,
        counter=state.counter,
        loaded_sequence=state.loaded_sequence,
        balance_minor=state.balance_minor,
        piece_count=len(state.pieces),
        exported_count=state.exported_count,
        exported_minor=state.exported_minor,
        public_key=state.public_key,
        offline_paid_minor=state.offline_paid_minor,
        offline_received_minor=state.offline_received_minor,
        synchronised_at=state.synchronised_at,
        synchronised_number=state.synchronised_number,
        frozen=state.frozen,
        limits=card.limits if card.known_owner else None,
        has_ordered_limits=state.ordered_limits is not None,
        floor_ms=state.floor_ms,
        executed_numbers=state.executed_numbers,
        groups=state.groups,
        report_number=state.report_number,
        authorisation_count=len(state.authorisations),
        message_number=state.message_number,
    )
    return state, answer


def pieces(card: Card, _command: GetPieces) -> Step:
    """PIECES."""
    return card.state, PiecesAnswer(pieces=card.state.pieces)


def exports(card: Card, _command: GetExports) -> Step:
    """EXPORTS."""
    return card.state, ExportsAnswer(exports=card.state.exports)
