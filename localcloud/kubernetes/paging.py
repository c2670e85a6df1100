"""List pages: every `continue` token names a snapshot, so pages of one list never mix two moments.

Only the newest snapshots are kept, for five minutes; an older token answers 410 as after a compaction.
"""

import base64
import binascii
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from localcloud.kubernetes.errors import bad_request, expired
from localcloud.kubernetes.objects import Object

_KEPT = 64
_SECONDS = 300.0
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter."
)


@dataclass(frozen=True)
class Page:
    """Part of a list; `version` is the resource version of the whole list."""

    items: list[Object]
    version: int
    token: str = ""
    remaining: int = 0


@dataclass
class Pages:
    """The snapshots of lists that are being paged through."""

    _snapshots: "OrderedDict[int, tuple[float, int, list[Object]]]" = field(default_factory=OrderedDict)
    _last: int = 0

    def first(self, items: list[Object], version: int, limit: int) -> Page:
        """Give the first page; without a limit (0) everything."""
        if not limit or len(items) <= limit:
            return Page(items, version)
        self._last += 1
        self._snapshots[self._last] = (time.monotonic(), version, items)
        while len(self._snapshots) > _KEPT:
            self._snapshots.popitem(last=False)
        return self._cut(self._last, 0, limit)

    def next(self, token: str, limit: int) -> Page:
        """Give the page after a token; StatusError 400 for nonsense, 410 for an expired one."""
        try:
            number, offset = json.loads(base64.urlsafe_b64decode(token))
        except (binascii.Error, ValueError, TypeError) as error:
            raise bad_request("continue key is not valid") from error
        return self._cut(int(number), int(offset), limit)

    def _cut(self, number: int, offset: int, limit: int) -> Page:
        since, version, items = self._snapshots.get(number, (0.0, 0, []))
        if not version or time.monotonic() - since > _SECONDS:
            raise expired(_TOO_OLD)
        end = offset + limit if limit else len(items)
        token = base64.urlsafe_b64encode(json.dumps([number, end]).encode()).decode()
        left = max(0, len(items) - end)
        return Page(items[offset:end], version, token if left else "", left)

    def forget(self) -> None:
        """Drop every snapshot: all tokens answer 410."""
        self._snapshots.clear()
