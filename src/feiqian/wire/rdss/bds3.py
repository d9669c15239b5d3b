"""BeiDou-3 modules: RDSS interface of the third generation, in which a host says CC and a module BD.

    $CCICR,0,00                                          who are you
    $BDICP,id,broadcast id,...,period s,level,...        23 fields, see below
    $CCTCQ,to,channel,1,coding,content,0                 send
    $BDFKI,time,TCQ,Y|N,reason,wait s                    sent or not, and why not
    $BDTCI,from,to,channel,time,coding,0,content         a message has come
    $BDPWI,time,beams of 2,...,beams of 3,beam,dB-Hz,... signal, each second

Coding 2 is plain hexadecimal, coding 3 the mixed form, which begins with A4; 1 is Chinese text, which
is never ours. Regional and global messages have the same sentences: what a message may hold is the
card's, and given here as the channel's class.
"""

from feiqian.outcomes import LocalProtocolError
from feiqian.wire.rdss.module import (
    MAX_WAIT_S,
    SHOWN_STRENGTH,
    USABLE_STRENGTH,
    AskIdentity,
    AskSend,
    Feedback,
    HostRequest,
    ModuleIdentity,
    ModuleMessage,
    ModuleReport,
    Signal,
    check_sendable,
    read_address,
    read_content,
    read_identity,
    read_reason,
    write_address,
)
from feiqian.wire.rdss.sentences import Sentence
from feiqian.wire.short_messages import RDSS3_REGIONAL, ChannelClass

_CODE, _MIXED, _LAST_CODING = 2, 3, 5
_UPLINK = "2"
"""The frequency on which a host asks to send."""
_IDENTITY_FIELDS = 23
_PERIOD_PLACE, _LEVEL_PLACE, _SUBORDINATES_PLACE = 13, 14, 19
_MAX_BEAMS = 24


class Bds3:
    """`Dialect` of the third generation."""

    def __init__(self, channel: ChannelClass = RDSS3_REGIONAL) -> None:
        self.channel = channel

    def request(self, request: HostRequest) -> Sentence:
        """The host's sentence."""
        if isinstance(request, AskIdentity):
            return Sentence("CCICR", ("0", "00"))
        to, content = write_address(request.to), request.content.hex().upper()
        return Sentence("CCTCQ", (to, _UPLINK, "1", str(_CODE), content, "0"))

    def read_request(self, sentence: Sentence) -> HostRequest | None:
        """What a host wants."""
        if sentence.address == "CCICR":
            return AskIdentity()
        if sentence.address != "CCTCQ":
            return None
        to = read_address(sentence.field(0))
        content = _content(sentence, coding_place=3, content_place=4)
        return AskSend(to, check_sendable(self.channel, content))

    def report(self, report: ModuleReport) -> Sentence:
        """The module's sentence."""
        match report:
            case ModuleIdentity():
                return Sentence("BDICP", _identity_fields(report))
            case ModuleMessage(sender, content):
                numbers = (write_address(sender), "", _UPLINK, "", str(_CODE), "0")
                return Sentence("BDTCI", (*numbers, content.hex().upper()))
            case Feedback(None):
                return Sentence("BDFKI", ("000000", "TCQ", "Y", "0", "0"))
            case Feedback(reason, wait_s):
                code = str(int(reason or 0))
                return Sentence("BDFKI", ("000000", "TCQ", "N", code, str(wait_s)))
            case Signal(beams):
                heard = [f"{beam:02d},{SHOWN_STRENGTH},0" for beam in range(1, beams + 1)]
                return Sentence("BDPWI", ("000000.00", "00", f"{beams:02d}", *heard))
            case _:
                raise LocalProtocolError(f"expected a module's report, got {report!r}")

    def read_report(self, sentence: Sentence) -> ModuleReport | None:
        """What a module says."""
        match sentence.address:
            case "BDICP":
                return read_identity(sentence, _PERIOD_PLACE, _LEVEL_PLACE, _SUBORDINATES_PLACE)
            case "BDTCI":
                content = _content(sentence, coding_place=4, content_place=6)
                sender = read_address(sentence.field(0))
                return None if content is None else ModuleMessage(sender, content)
            case "BDFKI":
                return _feedback(sentence)
            case "BDPWI":
                return _signal(sentence)
            case _:
                return None


def _identity_fields(identity: ModuleIdentity) -> tuple[str, ...]:
    fields = ["0"] * _IDENTITY_FIELDS
    fields[0] = write_address(identity.address)
    fields[1] = write_address(identity.broadcast_address)
    fields[5], fields[7] = "N", "N"
    fields[_PERIOD_PLACE], fields[_LEVEL_PLACE] = str(identity.period_s), str(identity.level)
    fields[_SUBORDINATES_PLACE] = str(identity.subordinates)
    return tuple(fields)


def _content(sentence: Sentence, coding_place: int, content_place: int) -> bytes | None:
    coding = sentence.number(coding_place, _LAST_CODING)
    text = sentence.field(content_place)
    return read_content(text, mixed=coding == _MIXED) if coding in (_CODE, _MIXED) else None


def _feedback(sentence: Sentence) -> Feedback | None:
    if sentence.field(1) != "TCQ":
        return None
    code, wait_s = sentence.number(3, 9), sentence.number(4, MAX_WAIT_S)
    return Feedback(None) if sentence.field(2) == "Y" else Feedback(read_reason(code), wait_s)


def _signal(sentence: Sentence) -> Signal:
    """Beams of the third generation: number, strength and, from most modules, a zero each."""
    older = sentence.number(1, _MAX_BEAMS)
    place = 2 + 3 * older
    count, place = sentence.number(place, _MAX_BEAMS), place + 1
    usable = 0
    for _ in range(count):
        usable += sentence.number(place + 1, 99) >= USABLE_STRENGTH
        place += 3 + (place + 3 < len(sentence.fields) and sentence.fields[place + 3] in ("", "0"))
    return Signal(usable)
