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

from feiqian.outcomes import LocalProtocolError
from feiqian.wire.rdss.module import (
    MAX_WAIT_S,
    MIXED_MARK,
    SHOWN_STRENGTH,
    USABLE_STRENGTH,
    AskIdentity,
    AskSend,
    Feedback,
    HostRequest,
    ModuleIdentity,
    ModuleMessage,
    ModuleReport,
    Reason,
    Signal,
    check_sendable,
    read_address,
    read_content,
    read_identity,
    read_reason,
    write_address,
)
from feiqian.wire.rdss.sentences import Sentence
from feiqian.wire.short_messages import RDSS2, ChannelClass

_CODE, _MIXED = 1, 2
_ORDINARY = "1"
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
        content = MIXED_MARK + request.content.hex().upper()
        return Sentence("CCTXA", (write_address(request.to), _ORDINARY, str(_MIXED), content))

    def read_request(self, sentence: Sentence) -> HostRequest | None:
        """What a host wants."""
        if sentence.address == "CCICA":
            return AskIdentity()
        if sentence.address != "CCTXA":
            return None
        to = read_address(sentence.field(0))
        content = _content(sentence, form_place=2, content_place=3)
        return AskSend(to, check_sendable(self.channel, content))

    def report(self, report: ModuleReport) -> Sentence:
        """The module's sentence."""
        match report:
            case ModuleIdentity(address, broadcast, period_s, level, subordinates):
                numbers = (str(period_s), str(level), "N", str(subordinates))
                fields = (write_address(address), broadcast.zfill(8), "0000011", "6", *numbers)
                return Sentence("BDICI", fields)
            case ModuleMessage(sender, content):
                text = MIXED_MARK + content.hex().upper()
                return Sentence("BDTXR", ("1", write_address(sender), str(_MIXED), "", text))
            case Feedback(reason, wait_s):
                return Sentence("BDFKI", ("TXA", *_feedback_fields(reason), f"{wait_s:04d}"))
            case Signal(beams):
                shown = str(SHOWN_STRENGTH)
                return Sentence("BDSNR", tuple([shown] * beams + ["0"] * (10 - beams)))
            case _:
                raise LocalProtocolError(f"expected a module's report, got {report!r}")

    def read_report(self, sentence: Sentence) -> ModuleReport | None:
        """What a module says."""
        match sentence.address:
            case "BDICI":
                return read_identity(sentence, 4, 5, 7)
            case "BDTXR":
                content = _content(sentence, form_place=2, content_place=4)
                sender = read_address(sentence.field(1))
                return None if content is None else ModuleMessage(sender, content)
            case "BDFKI":
                return _feedback(sentence)
            case "BDSNR":
                strengths = [sentence.number(place, 99) for place in range(len(sentence.fields))]
                return Signal(sum(each >= USABLE_STRENGTH for each in strengths))
            case _:
                return None


def _content(sentence: Sentence, form_place: int, content_place: int) -> bytes | None:
    form = sentence.number(form_place, _MIXED)
    text = sentence.field(content_place)
    return read_content(text, mixed=form == _MIXED) if form in (_CODE, _MIXED) else None


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
