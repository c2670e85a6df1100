"""A container as a process group on this machine: started, waited for, signalled, never left behind."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.kubernetes.logs import Drain, Log

_LOG_LINES = 80
_LOG_BYTES = 2048
_MESSAGE_BYTES = 4096


@dataclass
class Process:
    """One running program; its whole group ends with it."""

    child: "subprocess.Popen[bytes]"
    drain: Drain
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> int:
        """Wait for the end and give the exit code, 128 + n after signal n; what the program left running is killed."""
        os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._signal(signal.SIGKILL)
            code = self.child.wait()
        self.drain.finish()
        return code if code >= 0 else 128 - code

    def send(self, number: signal.Signals) -> None:
        """Signal the whole group, unless it is over."""
        with self._lock:
            if self.child.returncode is None:
                self._signal(number)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)


def start(words: Sequence[str], env: Mapping[str, str], folder: Path, log: Log) -> Process:
    """Start a program in its own group, its output going to `log`; OSError when it cannot be started."""
    drain = Drain(log)
    try:
        child = subprocess.Popen(
            words,
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=drain.writer,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except BaseException:
        drain.abandon()
        raise
    drain.start()
    return Process(child, drain)


def termination_message(path: Path | None, policy: str, log: Path, code: int) -> str:
    """Give what a program left at its termination path, or the end of its log where policy and failure allow it."""
    text = path.read_bytes()[:_MESSAGE_BYTES] if path and path.is_file() else b""
    if not text and policy == "FallbackToLogsOnError" and code:
        text = b"".join(log.read_bytes().splitlines(keepends=True)[-_LOG_LINES:])[-_LOG_BYTES:]
    return text.decode(errors="replace")
