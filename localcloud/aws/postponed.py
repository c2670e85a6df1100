"""Work that is begun later, without a thread that sleeps for each piece: there may be hundreds of delayed events."""

import asyncio
import threading
from collections.abc import Callable


class Postponed:
    """One thread that begins each piece of work when its time has come. The work itself must not take long there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="localcloud-postponed", daemon=True)
        self._thread.start()

    def add(self, seconds: float, work: Callable[[], object]) -> None:
        """Begin `work` after that many real seconds."""
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, work)

    def close(self) -> None:
        """Forget what has not begun."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
