"""An installed Mosquitto as the broker of a bus: its configuration, its access rules, its process.

A member shows a certificate; its name becomes user name and client id, whatever the client says, so
nobody can push another out of its session. The access rules are two patterns: read your own inbox,
write with your own name in the sender's place. Nothing is retained, and everything is bounded. What
the broker needs is in a folder of its own that names no other place, so it can be copied to another
host; the authority's key stays behind. A broker that we start is a child, ended by its pid, which a
file keeps: so it is found again after its parent was killed.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from feiqian.adapters import processes
from feiqian.adapters.broker_certificates import CertificateAuthority, Credentials
from feiqian.adapters.bus_addresses import Endpoint
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.bus_topics import MAX_TOPIC_LENGTH, ROOT
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

MAX_PACKET_BYTES = MAX_MESSAGE_BYTES + MAX_TOPIC_LENGTH + 256
MAX_INFLIGHT = 32
MAX_QUEUED = 256
"""Messages kept for one member besides those in flight; later ones are dropped."""
MAX_CONNECTIONS = 10_000
MAX_KEEPALIVE_S = 120
AUTOSAVE_S = 60
"""How much of what waits a broker that is killed may forget."""
START_WAIT_S = 15.0
STOP_WAIT_S = 10.0
POLL_S = 0.02

_CONFIGURATION = """# Written by Feiqian; every member of the bus needs a certificate of authority.pem.
# Names are relative: start it where this file is.
listener {port} {host}
protocol mqtt
cafile {files.authority_file.name}
certfile {files.certificate_file.name}
keyfile {files.key_file.name}
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file access
max_connections {max_connections}
max_inflight_messages {max_inflight}
max_queued_messages {max_queued}
max_packet_size {max_packet}
max_keepalive {max_keepalive}
retain_available false
sys_interval 0
set_tcp_nodelay true
persistence true
persistence_location ./
persistence_file waiting.db
autosave_interval {autosave}
persistent_client_expiration 1d
log_dest file broker.log
log_type error
log_type warning
log_type notice
{user}
"""

_ACCESS = f"""# A member reads its own inbox, and writes with its own name in the sender's place.
pattern read {ROOT}/%u/#
pattern write {ROOT}/+/%u/+
"""


def find_mosquitto() -> str | None:
    """Where the broker is installed, if it is; Debian keeps it off the path of users."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class BrokerSetup:
    """A bus by broker: the authority's folder, within it the broker's own, and where members find it."""

    folder: Path
    host: str
    port: int

    @property
    def broker_folder(self) -> Path:
        """All that the broker itself needs and writes: certificate, rules, log, what waits."""
        return self.folder / "broker"

    @property
    def authority(self) -> CertificateAuthority:
        """Who issues the members' certificates."""
        return CertificateAuthority.open(self.folder)

    def member(self, name: str) -> Credentials:
        """New credentials for a member."""
        return self.authority.member(name)

    @property
    def configuration(self) -> Path:
        """What it is started with."""
        return self.broker_folder / "mosquitto.conf"

    @property
    def pid_file(self) -> Path:
        """Which process it is, while it is a child of ours."""
        return self.broker_folder / "broker.pid"


def set_up(folder: Path, host: str, port: int, listen: Endpoint | None = None) -> BrokerSetup:
    """Write everything a broker needs; an authority that is there stays, and so do its members.

    `listen` is where the broker binds when that is not where members find it.
    """
    setup = BrokerSetup(folder.resolve(), host, port)
    is_new = not CertificateAuthority.exists(setup.folder)
    made = CertificateAuthority.make if is_new else CertificateAuthority.open
    files = made(setup.folder).broker(host, setup.broker_folder)
    access = setup.broker_folder / "access"
    access.write_text(_ACCESS, encoding="ascii")
    access.chmod(0o600)
    listen_host, listen_port = (host, port) if listen is None else listen
    setup.configuration.write_text(
        _CONFIGURATION.format(
            host=listen_host,
            port=listen_port,
            files=files,
            max_connections=MAX_CONNECTIONS,
            max_inflight=MAX_INFLIGHT,
            max_queued=MAX_QUEUED,
            max_packet=MAX_PACKET_BYTES,
            max_keepalive=MAX_KEEPALIVE_S,
            autosave=AUTOSAVE_S,
            # Started as root it would become another user, who cannot read the keys.
            user="user root" if os.geteuid() == 0 else "",
        ),
        encoding="utf-8",
    )
    return setup


class Broker:
    """A running Mosquitto; a child of this process."""

    def __init__(self, setup: BrokerSetup, process: subprocess.Popen[bytes]) -> None:
        self.setup = setup
        self._process = process

    @classmethod
    def start(cls, setup: BrokerSetup) -> "Broker":
        """Start it and wait until it listens. Blocks for a moment.

        One that a killed parent left behind is ended first. Raises `Refusal` unavailable: not
        installed, or it ended; timed_out.
        """
        program = find_mosquitto()
        if program is None:
            raise Refusal(Outcome.UNAVAILABLE, "expected an installed mosquitto")
        processes.stop(setup.pid_file)
        with (setup.broker_folder / "output.log").open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own configuration
                [program, "-c", str(setup.configuration)],
                cwd=setup.broker_folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for us: members leave first.
                start_new_session=True,
            )
        processes.note(process.pid, setup.pid_file)
        broker = cls(setup, process)
        broker._wait_listening()
        return broker

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def wait(self) -> None:
        """Until it has ended, for whatever reason. Blocks."""
        self._process.wait()

    def stop(self) -> None:
        """End it in order: it saves what waits."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_WAIT_S)
        self.setup.pid_file.unlink(missing_ok=True)

    def _wait_listening(self) -> None:
        deadline = time.monotonic() + START_WAIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                logs = f"broker.log and output.log in {self.setup.broker_folder}"
                raise Refusal(Outcome.UNAVAILABLE, f"the broker ended at once; see {logs}")
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.setup.host, self.setup.port), timeout=1),
            ):
                return
            time.sleep(POLL_S)
        self.kill()
        raise Refusal(Outcome.TIMED_OUT, f"expected a broker within {START_WAIT_S:.0f} s")
