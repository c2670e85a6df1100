"""Announcing: our events on our bus."""

from dropforge import naming
from dropforge.adapters import aws, settings
from dropforge.domain.events import Announcement
from dropforge.errors import Unavailable


def announce(*announcements: Announcement) -> None:
    """Put events on the bus, at most ten at once. Raises Unavailable when the bus took some of them only."""
    entries = [
        {
            "EventBusName": settings.bus(),
            "Source": naming.SOURCE,
            "DetailType": type(announcement).__name__,
            "Detail": announcement.model_dump_json(),
        }
        for announcement in announcements
    ]
    answer = aws.events().put_events(Entries=entries)  # type: ignore[arg-type]
    if answer["FailedEntryCount"]:
        raise Unavailable("AwsBusy", f"The bus refused {answer['FailedEntryCount']} events.")
