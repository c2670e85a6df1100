"""Pages of a list, for the operations we serve ourselves."""

from typing import Any


def page(items: list[Any], size: int | None, token: str | None) -> tuple[list[Any], dict[str, str]]:
    """One page, and a dictionary that holds `NextToken` when there is another."""
    start = int(token or 0)
    end = start + (size or len(items) or 1)
    return items[start:end], ({"NextToken": str(end)} if end < len(items) else {})
