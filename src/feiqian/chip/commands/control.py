"""The commands by which the platform reaches the chip, and by which the chip reports to it."""

from typing import ClassVar

from feiqian.chip.commands.command import Command, Count, Data, Instruction
from feiqian.timing.moment import Moment
from feiqian.wire.control import RawControlReceipt, RawOrder
from feiqian.wire.key_information import LogDigest, RawKeyInformation


class ControlAnswer(Data, frozen=True, kw_only=True):
    """What the chip did about an order that is genuine and for it."""

    receipt: RawControlReceipt
    """A signed `wire.control.ControlReceipt`: executed now, or why not."""


class Control(Command, frozen=True, kw_only=True):
    """Judge an order of the platform and execute it (R-04). No PIN: the holder has no say.

    SYNCHRONISE, CLOCK, LIST and NOTIFY then take effect in the host.
    """

    INSTRUCTION: ClassVar = Instruction.CONTROL
    ANSWER: ClassVar = ControlAnswer
    order: RawOrder
    moment: Moment


class ReportAnswer(Data, frozen=True, kw_only=True):
    """A signed `wire.key_information.KeyInformation`."""

    information: RawKeyInformation


class Report(Command, frozen=True, kw_only=True):
    """Sign a key information set (W-05). No PIN: it is made when the wallet is left alone.

    Each has a number of its own; a lost answer is not given again, the next set replaces it.
    """

    INSTRUCTION: ClassVar = Instruction.REPORT
    ANSWER: ClassVar = ReportAnswer
    log_digest: LogDigest
    list_number: Count
    moment: Moment


class NextMessageAnswer(Data, frozen=True, kw_only=True):
    """A number that was given to nobody before."""

    number: Count


class NextMessage(Command, frozen=True, kw_only=True):
    """Give the number under which the host may seal one message by satellite (W-06). No PIN.

    The chip counts, for a host's store can be set back to an old copy, and two messages sealed under
    one number are no secret any more.
    """

    INSTRUCTION: ClassVar = Instruction.NEXT_MESSAGE
    ANSWER: ClassVar = NextMessageAnswer
