"""A controller: a thread that looks at everything once and again whenever something changed.

Each pass holds the store's lock, so what a controller decides is still true when it writes.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from localcloud.kubernetes import clock
from localcloud.kubernetes.store import Store

_LOOK_AGAIN = 1.0  # seconds, however far off what is due: the clock may jump meanwhile
Reconcile = Callable[[], float | None]


@dataclass
class Loop:
    """One controller thread; `reconcile` gives the seconds after which it wants to look again, or None."""

    name: str
    store: Store
    reconcile: Reconcile
    failure: BaseException | None = None
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = clock.thread(self._run, f"kubernetes-{self.name}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end, which comes when the store is closed."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._turn()
        except BaseException as failure:
            self.failure = failure
            raise

    def _turn(self) -> None:
        while not self.store.closed:
            with self.store.lock:
                seen = self.store.version
                again = self.reconcile()
                waited = again if again is None else min(max(again, 0.05), _LOOK_AGAIN)
            self.store.wait(seen, waited)
