"""When a Job has done enough, when it has failed too often, and how long it rests after a failure."""

from collections.abc import Sequence

from localcloud.kubernetes.objects import Object

_BACKOFF_SECONDS = 10.0
_BACKOFF_LIMIT_SECONDS = 600.0


def has_succeeded(spec: Object, status: Object, active: Sequence[Object]) -> bool:
    """Tell whether enough pods have succeeded; without `completions` one is enough, once the others are over."""
    done = status.get("succeeded", 0)
    if "completions" not in spec:
        return done > 0 and not active
    return bool(done >= spec["completions"])


def is_past_backoff(spec: Object, status: Object, active: Sequence[Object]) -> bool:
    """Tell whether more pods failed, or containers began again, than `backoffLimit` allows."""
    limit: int = spec["backoffLimit"]
    statuses = [one for pod in active for one in (pod.get("status") or {}).get("containerStatuses") or []]
    restarts = sum(status["restartCount"] for status in statuses)
    return bool(status.get("failed", 0) > limit or restarts >= max(limit, 1))


def backoff_seconds(failures: int) -> float:
    """Give the rest after so many failures: doubled each time, ten minutes at most."""
    return min(_BACKOFF_SECONDS * float(2 ** min(failures - 1, 10)), _BACKOFF_LIMIT_SECONDS)
