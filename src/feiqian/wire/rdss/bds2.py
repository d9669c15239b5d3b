"""BeiDou-2 modules: RDSS interface 2.1, in which a host says CC and a module BD.

    $CCICA,0,00                                   who are you
    $BDICI,id,broadcast id,feature,kind,period s,level,encrypted,subordinates
    $CCTXA,to,1,2,A4 and hexadecimal              send: ordinary message, mixed form
    $BDFKI,TXA,Y|N,Y|N,reason,wait s              sent or not; is the period kept; why not
    $BDTXR,kind,from,form,time,content            a message has come
    $BDSNR,strength of beam 1,...                 signal

A message in mixed form begins with A4 and is hexadecimal; one in code form is plain hexadecimal; in
Chinese form (0) it is text, which is never ours.
"""

from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.wire.rdss.module import (
    MAX_PERIOD_S,
    MAX_WAIT_S,
    AskIdentity,
    AskSend,
    Feedback,
    HostRequest,
    ModuleIdentity,
    ModuleMessage,
    ModuleReport,
    Reason,
    Signal,
    read_address,
    read_hex,
    read_reason,
)
from feiqian.wire.rdss.sentences import Sentence
from feiqian.wire.short_messages import RDSS2, ChannelClass

_ADDRESS_DIGITS = 7
_MIXED_MARK = "A4"
_CODE, _MIXED = 1, 2
_ORDINARY = "1"
_USABLE_STRENGTH = 40
"""dB-Hz from which a module can send."""
_SHOWN_STRENGTH = 46
_SUPPRESSED_OR_SET = frozenset({1, 2})
"""Suppressed by the service, or because the module is not set up."""


class Bds2:
    """`Dialect` of RDSS 2.1."""

    def __init__(self, channel: ChannelClass = RDSS2) -> None:
        self.channel = channel

    def request(self, request: HostRequest) -> Sentence:
        """The host's sentence."""
        if isinstance(request, AskIdentity):
            return Sentence("CCICA", ("0", "00"))
        content = _MIXED_MARK + request.content.hex().upper()
        return Sentence("CCTXA", (_padded(request.to), _ORDINARY, str(_MIXED), content))

    def read_request(self, sentence: Sentence) -> HostRequest | None:
        """What a host wants."""
        if sentence.address == "CCICA":
            return AskIdentity()
        if sentence.address != "CCTXA":
            return None
        to = read_address(sentence.field(0))
        content = _content(sentence, form_place=2, content_place=3)
        if content is None or len(content) > self.channel.max_bytes:
            raise Refusal(
                Outcome.TOO_LARGE, f"expected up to {self.channel.max_bytes} bytes in code"
            )
        return AskSend(to, content)

    def report(self, report: ModuleReport) -> Sentence:
        """The module's sentence."""
        match report:
            case ModuleIdentity(address, broadcast, period_s, level, subordinates):
                numbers = (str(period_s), str(level), "N", str(subordinates))
                fields = (_padded(address), broadcast.zfill(8), "0000011", "6", *numbers)
                return Sentence("BDICI", fields)
            case ModuleMessage(sender, content):
                text = _MIXED_MARK + content.hex().upper()
                return Sentence("BDTXR", ("1", _padded(sender), str(_MIXED), "", text))
            case Feedback(reason, wait_s):
                return Sentence("BDFKI", ("TXA", *_feedback_fields(reason), f"{wait_s:04d}"))
            case Signal(beams):
                shown = str(_SHOWN_STRENGTH)
                return Sentence("BDSNR", tuple([shown] * beams + ["0"] * (10 - beams)))
            case _:
                raise LocalProtocolError(f"expected a module's report, got {report!r}")

    def read_report(self, sentence: Sentence) -> ModuleReport | None:
        """What a module says."""
        match sentence.address:
            case "BDICI":
                return _identity(sentence)
            case "BDTXR":
                content = _content(sentence, form_place=2, content_place=4)
                sender = read_address(sentence.field(1))
                return None if content is None else ModuleMessage(sender, content)
            case "BDFKI":
                return _feedback(sentence)
            case "BDSNR":
                strengths = [sentence.number(place, 99) for place in range(len(sentence.fields))]
                return Signal(sum(each >= _USABLE_STRENGTH for each in strengths))
            case _:
                return None


def _padded(address: str) -> str:
    return address.zfill(_ADDRESS_DIGITS)


def _identity(sentence: Sentence) -> ModuleIdentity:
    return ModuleIdentity(
        address=read_address(sentence.field(0)),
        broadcast_address=read_address(sentence.field(1)),
        period_s=sentence.number(4, MAX_PERIOD_S),
        level=sentence.number(5, 9),
        subordinates=sentence.number(7, 10_000_000),
    )


def _content(sentence: Sentence, form_place: int, content_place: int) -> bytes | None:
    form, text = sentence.number(form_place, _MIXED), sentence.field(content_place)
    if form == _MIXED and text.upper().startswith(_MIXED_MARK):
        return read_hex(text[len(_MIXED_MARK) :])
    return read_hex(text) if form == _CODE else None


def _feedback(sentence: Sentence) -> Feedback | None:
    if sentence.field(0) != "TXA":
        return None
    code, wait_s = sentence.number(3, 9), sentence.number(4, MAX_WAIT_S)
    if sentence.field(1) == "Y":
        return Feedback(None)
    if wait_s or not code:
        return Feedback(Reason.TOO_OFTEN, wait_s)
    return Feedback(Reason.SUPPRESSED if code in _SUPPRESSED_OR_SET else read_reason(code))


def _feedback_fields(reason: Reason | None) -> tuple[str, str, str]:
    if reason is None:
        return "Y", "Y", "0"
    if reason is Reason.TOO_OFTEN:
        return "N", "N", "0"
    return "N", "Y", str(int(reason))
