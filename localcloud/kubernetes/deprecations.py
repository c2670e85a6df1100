"""What is said whenever somebody uses a version of a kind that is on its way out."""

from collections.abc import Iterator

from localcloud.kubernetes.kinds import by_age
from localcloud.kubernetes.resources import KUEUE, Resource


def warnings(resource: Resource, version: str) -> Iterator[str]:
    """Give the warning of a deprecated version: its definition's own, or the API server's."""
    if resource.group == KUEUE and version != resource.versions[0]:
        yield f"This version is deprecated. Use {resource.versions[0]} instead."  # as Kueue's own definitions have it
    if resource.definition is not None and resource.at(version).get("deprecated"):
        yield resource.at(version).get("deprecationWarning") or _plain(resource, version)


def _plain(resource: Resource, version: str) -> str:
    served = [resource.at(name) for name in resource.served]
    lasting = [one["name"] for one in served if not one.get("deprecated") and by_age(one["name"]) < by_age(version)]
    instead = f"; use {resource.group}/{min(lasting, key=by_age)} {resource.kind}" if lasting else ""
    return f"{resource.group}/{version} {resource.kind} is deprecated{instead}"
