"""Servers as processes of their own: started, waited for, and ended by pid, never by name.

The pid file holds the pid and the process's start time, so that a pid that the system has given to
somebody else since is never signalled.
"""

import contextlib
import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path

from feiqian.outcomes import Outcome, Refusal

START_WAIT_S = 30.0
STOP_WAIT_S = 15.0
POLL_S = 0.05
HEALTH_TIMEOUT_S = 2.0


def start(arguments: list[str], pid_file: Path, log_file: Path) -> int:
    """Start ``feiqian`` with `arguments`, detached; its pid. `Refusal` busy if it runs already."""
    running = find(pid_file)
    if running is not None:
        raise Refusal(Outcome.BUSY, f"expected no running server, found pid {running}")
    output = (os.POSIX_SPAWN_OPEN, 1, str(log_file), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "feiqian", *arguments],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            output,
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    note(pid, pid_file)
    return pid


def note(pid: int, pid_file: Path) -> None:
    """Write down which process it is that runs now."""
    pid_file.write_text(f"{pid} {_started_at(pid)}\n", encoding="ascii")


def find(pid_file: Path) -> int | None:
    """The pid of the server behind a pid file, if that very process still runs."""
    try:
        pid_text, started = pid_file.read_text(encoding="ascii").split()
    except (FileNotFoundError, ValueError):
        return None
    pid = int(pid_text)
    return pid if started and _started_at(pid) == started else None


def stop(pid_file: Path) -> bool:
    """End the server behind a pid file (SIGTERM, then SIGKILL); whether there was one."""
    pid = find(pid_file)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        if not _wait_gone(pid_file, STOP_WAIT_S):
            kill(pid_file)
        _reap(pid)
    pid_file.unlink(missing_ok=True)
    return pid is not None


def kill(pid_file: Path) -> bool:
    """End the server behind a pid file as a power cut would, and wait; whether there was one."""
    pid = find(pid_file)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        _wait_gone(pid_file, STOP_WAIT_S)
        _reap(pid)
    return pid is not None


def wait_healthy(url: str, pid_file: Path, log_file: Path) -> None:
    """Wait until the very server of a pid file answers ``/health``.

    Raises `Refusal`: unavailable when it ended (somebody else may hold its address), timed_out.
    """
    deadline = time.monotonic() + START_WAIT_S
    while time.monotonic() < deadline:
        pid = find(pid_file)
        if pid is None:
            raise Refusal(Outcome.UNAVAILABLE, f"the server for {url} ended; see {log_file}")
        if _healthy_pid(url) == pid:
            return
        time.sleep(POLL_S)
    raise Refusal(Outcome.TIMED_OUT, f"expected {url} to be up within {START_WAIT_S:.0f} s")


def _healthy_pid(url: str) -> int | None:
    """The pid that the server at `url` says it has; None when it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=HEALTH_TIMEOUT_S) as answer:  # noqa: S310 - our own http URL
            return int(json.load(answer)["pid"])
    except (OSError, ValueError, KeyError):
        return None


def _started_at(pid: int) -> str:
    """When the kernel started a process, in its own clock ticks; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat.rpartition(")")[2].split()
    is_zombie = fields[0] == "Z"
    return "" if is_zombie else fields[19]


def _reap(pid: int) -> None:
    """Take note that a server has ended, if it was a child of this process."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _wait_gone(pid_file: Path, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if find(pid_file) is None:
            return True
        time.sleep(POLL_S)
    return False
