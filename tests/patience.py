"""How the tests wait: until something read is true, and no longer than a bound, which each suite sets for what it looks at."""

import time
from collections.abc import Callable
from typing import Any


def eventually(look: Callable[[], Any], seconds: float) -> Any:
    """Wait until `look` gives something true, and give that."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s: {look}"
        time.sleep(0.02)
    return found
