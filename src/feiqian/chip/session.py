"""The host's session with a security chip: commands in, answers out, APDUs underneath.

Whatever the chip is (software, reader, Java Card), the session sees one method, `transmit`. It
selects the applet first. A status word other than 9000 becomes the `Refusal` that the chip meant.
After `Refusal` unavailable the chip has done the command or not: a new session tells, by STATUS or
by the same command again, which the chip answers with the same bytes.
"""

from typing import Protocol, TypeVar

from msgspec import Struct

from feiqian.chip import commands
from feiqian.chip.apdu import MAX_EXPECTED_BYTES, CommandApdu, parse_response
from feiqian.chip.commands import (
    AID,
    SELECT_BY_NAME,
    Command,
    Instruction,
    LoadAnswer,
    PiecesAnswer,
    StatusAnswer,
)
from feiqian.chip.status_words import StatusWord, refusal_of
from feiqian.crypto import cbor
from feiqian.money.transfer import Acceptor
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import Grant

A = TypeVar("A", bound=Struct)


class Connection(Protocol):
    """A chip within reach; `feiqian.ports.ChipConnection` fits it."""

    def transmit(self, apdu: bytes) -> bytes:
        """One command APDU for one response APDU."""
        ...


class ChipSession:
    """A selected applet. Every method raises `Refusal` by the name the chip gave."""

    def __init__(self, connection: Connection) -> None:
        """Select the applet; that forgets a PIN verified before."""
        self._connection = connection
        self._exchange(CommandApdu(0x00, Instruction.SELECT, SELECT_BY_NAME, 0x00, AID))

    def perform(self, command: Command) -> Struct:
        """Carry out any command; the answer is of the class that `command.ANSWER` names."""
        return self._ask(command, command.ANSWER)

    def _ask(self, command: Command, shape: type[A]) -> A:
        instruction = command.INSTRUCTION
        data = cbor.encode(command)
        apdu = CommandApdu(instruction.class_byte, instruction, 0, 0, data, MAX_EXPECTED_BYTES)
        return cbor.decode(self._exchange(apdu), shape, limit=MAX_EXPECTED_BYTES)

    def _exchange(self, apdu: CommandApdu) -> bytes:
        response = parse_response(self._connection.transmit(apdu.encode()))
        if response.status != StatusWord.SUCCESS:
            raise refusal_of(response.status)
        return response.data

    def initialise(self, root_public_key: bytes, pin: bytes, puk: bytes) -> bytes:
        """Begin the chip's life; its new public key."""
        command = commands.Initialise(root_public_key=root_public_key, pin=pin, puk=puk)
        return self._ask(command, commands.InitialiseAnswer).public_key

    def personalise(self, institution_certificate: bytes, chip_certificate: bytes) -> None:
        """Make the chip operational, or renew its certificates."""
        self.perform(
            commands.Personalise(
                institution_certificate=institution_certificate, chip_certificate=chip_certificate
            )
        )

    def verify_pin(self, pin: bytes) -> None:
        """Unlock PAY, EXPORT, AUTHORISE and SIGN REQUEST for this session."""
        self.perform(commands.VerifyPin(pin=pin))

    def change_pin(self, pin: bytes, new_pin: bytes) -> None:
        """Replace the PIN; locks."""
        self.perform(commands.ChangePin(pin=pin, new_pin=new_pin))

    def unblock_pin(self, puk: bytes, new_pin: bytes) -> None:
        """Set a new PIN by the PUK; locks."""
        self.perform(commands.UnblockPin(puk=puk, new_pin=new_pin))

    def lock(self) -> None:
        """Forget that the PIN was verified."""
        self.perform(commands.Lock())

    def status(self) -> StatusAnswer:
        """All that a host may know."""
        return self._ask(commands.GetStatus(), StatusAnswer)

    def pieces(self) -> tuple[commands.HeldPiece, ...]:
        """What the chip holds, oldest first."""
        return self._ask(commands.GetPieces(), PiecesAnswer).pieces

    def exports(self) -> tuple[commands.ExportRecord, ...]:
        """The last exports, oldest first."""
        return self._ask(commands.GetExports(), commands.ExportsAnswer).exports

    def load(self, currency: bytes) -> LoadAnswer:
        """Take in a new currency of the chip's own institution."""
        return self._ask(commands.Load(currency=currency), LoadAnswer)

    def offer(
        self,
        amount_minor: int | None,
        moment: Moment,
        expires_at_ms: int,
        acceptor: Acceptor = Acceptor.MANAGER,
        ceiling_minor: int | None = None,
    ) -> bytes:
        """Open a session as payee; the signed offer."""
        command = commands.MakeOffer(
            amount_minor=amount_minor,
            moment=moment,
            expires_at_ms=expires_at_ms,
            acceptor=acceptor,
            ceiling_minor=ceiling_minor,
        )
        return self._ask(command, commands.OfferAnswer).offer

    def pay(self, payment: commands.Pay) -> tuple[bytes, ...]:
        """Signed transfers, one for each input."""
        return self._ask(payment, commands.TransfersAnswer).transfers

    def accept(self, acceptance: commands.Accept) -> commands.AcceptAnswer:
        """Take in transfers made to this chip in one of its open sessions."""
        return self._ask(acceptance, commands.AcceptAnswer)

    def synchronise(self, statement: bytes) -> bool:
        """Take the institution's signed synchronisation; whether it was new."""
        command = commands.Synchronise(statement=statement)
        return not self._ask(command, commands.SynchroniseAnswer).repeated

    def control(self, order: bytes, moment: Moment) -> bytes:
        """Have a control order judged and executed; the signed receipt."""
        command = commands.Control(order=order, moment=moment)
        return self._ask(command, commands.ControlAnswer).receipt

    def report(self, log_digest: bytes, list_number: int, moment: Moment) -> bytes:
        """The signed key information set, with a number of its own each time."""
        command = commands.Report(log_digest=log_digest, list_number=list_number, moment=moment)
        return self._ask(command, commands.ReportAnswer).information

    def next_message(self) -> int:
        """A number to seal one message under; given once."""
        return self._ask(commands.NextMessage(), commands.NextMessageAnswer).number

    def authorise(self, grant: Grant, moment: Moment) -> bytes:
        """Let the chip pay fees without its PIN; the signed authorisation."""
        command = commands.Authorise(grant=grant, moment=moment)
        return self._ask(command, commands.AuthoriseAnswer).authorisation

    def authorisations(self) -> tuple[commands.LiveAuthorisation, ...]:
        """What the chip may pay without its PIN, oldest first."""
        answer = self._ask(commands.GetAuthorisations(), commands.AuthorisationsAnswer)
        return answer.authorisations

    def revoke(self, number: int) -> None:
        """End an authorisation."""
        self.perform(commands.Revoke(number=number))

    def pay_fee(self, fee: commands.PayFee) -> tuple[bytes, ...]:
        """Signed transfers, one for each input, under an authorisation."""
        return self._ask(fee, commands.TransfersAnswer).transfers

    def export(self, export: commands.Export) -> tuple[bytes, ...]:
        """Signed transfers to the chip's own institution."""
        return self._ask(export, commands.TransfersAnswer).transfers

    def sign_request(self, payload: bytes) -> bytes:
        """The request as a COSE_Sign1 of kind `wire.request_envelope.WALLET_REQUEST`."""
        return self._ask(commands.SignRequest(payload=payload), commands.SignedRequestAnswer).signed
