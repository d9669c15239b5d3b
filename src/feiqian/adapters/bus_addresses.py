"""Where a message bus is: the text in a configuration file, checked once."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from feiqian.outcomes import Outcome, Refusal


@dataclass(frozen=True, slots=True)
class HubAddress:
    """``stream://HOST:PORT``: a hub (`adapters/bus_hub.py`)."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """``mqtts://HOST:PORT``: a broker of MQTT 5 over TLS (`adapters/mosquitto.py`)."""

    host: str
    port: int


Endpoint = tuple[str, int]
"""Host and port."""
BusAddress = HubAddress | BrokerAddress


def parse_bus(text: str) -> BusAddress:
    """The address that a text means. `Refusal` malformed."""
    scheme, _, place = text.partition("://")
    match scheme:
        case "stream":
            return HubAddress(*parse_endpoint(place))
        case "mqtts":
            return BrokerAddress(*parse_endpoint(place))
        case _:
            expected = "stream://HOST:PORT or mqtts://HOST:PORT"
            raise Refusal(Outcome.MALFORMED, f"expected {expected}, got {text!r}")


def parse_endpoint(text: str) -> Endpoint:
    """``HOST:PORT``, an IPv6 address in brackets. `Refusal` malformed."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refusal(Outcome.MALFORMED, f"expected HOST:PORT, got {text!r}") from None
    if not host or not port or parts.netloc != text or "@" in text:
        raise Refusal(Outcome.MALFORMED, f"expected HOST:PORT, got {text!r}")
    return host, port
