"""Commands as a person at a terminal starts them: each a process, each answering in JSON."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PIN = "4711"
PATIENCE_S = 120
Json = dict[str, Any]


def command(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """One command, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "feiqian", *arguments, "--json"],
        cwd=folder,
        env={**os.environ, "FEIQIAN_PIN": PIN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, code: int = 0) -> Json:
    """One command to its end, its JSON object."""
    process = command(folder, *arguments)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, (arguments, out, err)
    assert "Traceback" not in err
    document: Json = json.loads(out)
    return document


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[None]:
    """A server, from its first line on; a signal ends it in good order."""
    process = command(folder, *arguments)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), process.communicate()
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        assert "Traceback" not in err
