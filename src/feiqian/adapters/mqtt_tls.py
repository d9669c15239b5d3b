"""TLS between a member of the bus and its broker: nobody's authority counts but the bus's own.

The library of MQTT forgets why a connection did not come about. Sockets made here remember what TLS
had against it, so that a certificate that is refused, by either side, has its name.
"""

import ssl

from feiqian.adapters.broker_certificates import Credentials
from feiqian.outcomes import Outcome, Refusal


class MemberContext(ssl.SSLContext):
    """A context of TLS whose sockets say what went wrong."""

    failure: ssl.SSLError | None = None
    """What TLS had against the last connection."""


class _TellingSocket(ssl.SSLSocket):
    """A socket that does not stay open when the handshake fails; the library forgets it then."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands, or close."""
        try:
            super().do_handshake(block)
        except OSError as error:
            self._remember(error)
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read. With TLS 1.3 it is only here that we hear what the other side has against us."""
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            self._remember(error)
            raise

    def _remember(self, error: OSError) -> None:
        waits = ssl.SSLWantReadError | ssl.SSLWantWriteError
        if isinstance(error, ssl.SSLError) and not isinstance(error, waits):
            assert isinstance(self.context, MemberContext), "these sockets are made by no other"
            self.context.failure = error


def member_context(credentials: Credentials) -> MemberContext:
    """TLS 1.3 with the bus's own authority, and no other. `Refusal` bad_certificate."""
    context = MemberContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _TellingSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(credentials.authority_file)
        context.load_cert_chain(credentials.certificate_file, credentials.key_file)
    except (OSError, ssl.SSLError) as error:
        raise Refusal(
            Outcome.BAD_CERTIFICATE, f"expected a key and certificates: {error}"
        ) from error
    return context


def refusal_of_tls(failure: ssl.SSLError | None) -> Refusal | None:
    """Why no certificate of this pair will ever be accepted; None when TLS did not say so."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        detail = f"the broker's certificate is not of this bus: {failure.verify_message}"
        return Refusal(Outcome.BAD_CERTIFICATE, detail)
    reason = (failure.reason or "") if failure is not None else ""
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return Refusal(Outcome.BAD_CERTIFICATE, f"the broker refuses our certificate: {reason}")
    return None
