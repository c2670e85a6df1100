"""The one place that knows how fast the local cloud lives.

Delays that AWS imposes (waits, retries, schedules, life cycles) are divided by `speed`; limits that guard real work
(TimeoutSeconds, HeartbeatSeconds, function timeouts) are not, because the work itself runs at real speed.
"""

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Cloud time: `speed` cloud seconds pass in one real second, starting from the real date."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be positive, not {speed}")
        self.speed = speed
        self._started = time.monotonic()
        self._started_at = datetime.now(UTC)
        self._closing = threading.Event()

    def scaled(self, seconds: float) -> float:
        """Real seconds that `seconds` of cloud time take."""
        return seconds / self.speed

    def elapsed(self) -> float:
        """Cloud seconds since this clock was made."""
        return (time.monotonic() - self._started) * self.speed

    def now(self) -> datetime:
        """Cloud time, which runs ahead of the wall clock when `speed` is above one. Only schedules use it."""
        return self._started_at + timedelta(seconds=self.elapsed())

    def jump(self, seconds: float) -> None:
        """Move the date, and with it what schedules see; nobody's sleep gets longer or shorter."""
        self._started_at += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> bool:
        """Wait `seconds` of cloud time; False when the cloud was stopped meanwhile."""
        return not self._closing.wait(self.scaled(seconds))

    @staticmethod
    def wall_milliseconds() -> int:
        """Real milliseconds since the epoch, for timestamps that other programs compare with their own clock."""
        return int(time.time() * 1000)

    @property
    def closed(self) -> bool:
        """True once the cloud is stopping: whoever loops must leave."""
        return self._closing.is_set()

    def close(self) -> None:
        """Wake every sleeper for good."""
        self._closing.set()
