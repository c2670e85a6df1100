"""SageMaker's lineage: artifacts, actions and the associations between them, and the question what came of what. moto has none of it.

An artifact is one source: its ARN is made of that, and making it again is refused, as is a second action of a name and a second association of a
pair. How AWS words these refusals, and whether it refuses all three, was not compared with it; a caller has to bear both.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from localcloud.aws import lineage_limits
from localcloud.aws.callers import Identities
from localcloud.aws.errors import AwsError
from localcloud.aws.front import operation
from localcloud.aws.package_limits import refused
from localcloud.aws.paging import page

_ARN = "arn:aws:sagemaker:us-east-1:123456789012"
_ASSOCIATIONS = ("ContributedTo", "AssociatedWith", "DerivedFrom", "Produced", "SameAs")
_LISTED, _QUERIED, _DEPTH = 100, 50, 10
Entity = dict[str, Any]
Edge = tuple[str, str]


@dataclass
class _Held:
    """Entities by ARN, and associations by the ARNs of their source and destination."""

    entities: dict[str, Entity] = field(default_factory=dict)
    edges: dict[Edge, Entity] = field(default_factory=dict)


class FakeLineage:
    """The lineage operations of SageMaker, as far as a control plane of ours needs them."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._identities = Identities(client)
        self._held = _Held()
        self._lock = threading.RLock()

    @operation("sagemaker", "CreateArtifact")
    def create_artifact(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Write down something that has a URI, once for each source."""
        source = parameters["Source"]
        lineage_limits.check(parameters, source, parameters["ArtifactType"])
        marks = sorted((one["SourceIdType"], one["Value"]) for one in source.get("SourceTypes", []))
        arn = f"{_ARN}:artifact/{hashlib.md5(repr((source['SourceUri'], marks)).encode()).hexdigest()}"  # noqa: S324  a name
        self._add(arn, {**parameters, "ArtifactArn": arn}, f"Artifact with source {source['SourceUri']}")
        return {"ArtifactArn": arn}

    @operation("sagemaker", "DescribeArtifact")
    def describe_artifact(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """An artifact by its ARN."""
        return self._get(parameters["ArtifactArn"])

    @operation("sagemaker", "ListArtifacts")
    def list_artifacts(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Artifacts, all of a source or of a type, newest first unless SortOrder is Ascending."""
        keys = ("ArtifactArn", "ArtifactName", "Source", "ArtifactType", "CreationTime", "LastModifiedTime")
        return self._listed("artifact", "ArtifactType", keys, parameters)

    @operation("sagemaker", "DeleteArtifact")
    def delete_artifact(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Forget an artifact; not one that an association still names."""
        arn = parameters["ArtifactArn"]
        self._remove(arn)
        return {"ArtifactArn": arn}

    @operation("sagemaker", "CreateAction")
    def create_action(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Write down something that was done, once for each name."""
        lineage_limits.check(parameters, parameters["Source"], parameters["ActionType"])
        arn = f"{_ARN}:action/{parameters['ActionName'].lower()}"
        self._add(arn, {**parameters, "ActionArn": arn}, f"Action {parameters['ActionName']}")
        return {"ActionArn": arn}

    @operation("sagemaker", "DescribeAction")
    def describe_action(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """An action by name or ARN."""
        return self._get(_action(parameters["ActionName"]))

    @operation("sagemaker", "UpdateAction")
    def update_action(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Change status, description or properties of an action; properties are merged."""
        lineage_limits.check_properties(parameters)
        with self._lock:
            action = self._get(_action(parameters["ActionName"]))
            removed = parameters.get("PropertiesToRemove", [])
            merged = {**action.get("Properties", {}), **parameters.get("Properties", {})}
            said: Entity = {name: parameters[name] for name in ("Status", "Description") if name in parameters}
            kept = {name: value for name, value in merged.items() if name not in removed}
            by = {"LastModifiedTime": datetime.now(UTC), "LastModifiedBy": self._identities.user_context()}
            action.update(said, Properties=kept, **by)
        return {"ActionArn": action["ActionArn"]}

    @operation("sagemaker", "ListActions")
    def list_actions(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Actions, all of a source or of a type, newest first unless SortOrder is Ascending."""
        keys = ("ActionArn", "ActionName", "Source", "ActionType", "Status", "CreationTime", "LastModifiedTime")
        return self._listed("action", "ActionType", keys, parameters)

    @operation("sagemaker", "DeleteAction")
    def delete_action(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Forget an action; not one that an association still names."""
        arn = _action(parameters["ActionName"])
        self._remove(arn)
        return {"ActionArn": arn}

    @operation("sagemaker", "AddAssociation")
    def add_association(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Join two entities, once for each pair."""
        edge = parameters["SourceArn"], parameters["DestinationArn"]
        kind = parameters.get("AssociationType")
        if kind not in (None, *_ASSOCIATIONS):
            raise refused(f"AssociationType {kind!r} is none of {', '.join(_ASSOCIATIONS)}.")
        with self._lock:
            source, destination = self._get(edge[0]), self._get(edge[1])
            if edge in self._held.edges:
                raise refused(f"Association between {edge[0]} and {edge[1]} already exists.")
            made = {"CreationTime": datetime.now(UTC), "CreatedBy": self._identities.user_context()}
            names = {"SourceName": _name(source), "DestinationName": _name(destination)}
            said = {"SourceArn": edge[0], "DestinationArn": edge[1], "AssociationType": kind, **made, **names}
            types = {"SourceType": _type(source), "DestinationType": _type(destination)}
            self._held.edges[edge] = {name: value for name, value in {**said, **types}.items() if value}
        return {"SourceArn": edge[0], "DestinationArn": edge[1]}

    @operation("sagemaker", "ListAssociations")
    def list_associations(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Associations by their ends, types and kind, newest first unless SortOrder is Ascending."""
        asked = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType")
        wanted = {name: parameters[name] for name in asked if name in parameters}
        found = [e for e in list(self._held.edges.values()) if all(e.get(n) == v for n, v in wanted.items())]
        key = parameters.get("SortBy", "CreationTime")
        found.sort(key=lambda e: e.get(key, ""), reverse=parameters.get("SortOrder") != "Ascending")
        shown, token = page(found, min(parameters.get("MaxResults", _LISTED), _LISTED), parameters.get("NextToken"))
        return {"AssociationSummaries": shown, **token}

    @operation("sagemaker", "DeleteAssociation")
    def delete_association(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Take two entities apart."""
        edge = parameters["SourceArn"], parameters["DestinationArn"]
        with self._lock:
            if self._held.edges.pop(edge, None) is None:
                raise _missing(f"Association between {edge[0]} and {edge[1]}")
        return {"SourceArn": edge[0], "DestinationArn": edge[1]}

    @operation("sagemaker", "QueryLineage")
    def query_lineage(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """What can be reached from an entity by associations, nearest first; filters hide entities, and walk through them."""
        (start,) = parameters.get("StartArns") or [""]
        depth, size = parameters.get("MaxDepth", _DEPTH), parameters.get("MaxResults", _QUERIED)
        if not start or depth > _DEPTH or size > _QUERIED:
            raise refused(f"Give one of StartArns, MaxDepth of at most {_DEPTH} and MaxResults of at most {_QUERIED}.")
        self._get(start)
        direction = parameters.get("Direction", "Ascendants")
        reached = self._walk(start, direction, depth)
        shown = [arn for arn in reached if _passes(self._held.entities[arn], arn, parameters.get("Filters", {}))]
        vertices, token = page([self._vertex(arn) for arn in shown], size, parameters.get("NextToken"))
        within = {start, *(vertex["Arn"] for vertex in vertices)}
        edges = [_edge(e) for e in list(self._held.edges.values()) if {e["SourceArn"], e["DestinationArn"]} <= within]
        return {"Vertices": vertices, **({"Edges": edges} if parameters.get("IncludeEdges", True) else {}), **token}

    def _walk(self, start: str, direction: str, depth: int) -> list[str]:
        """The ARNs that are at most `depth` associations away, without the start."""
        seen, edge = [start], [start]
        for _ in range(depth):
            edge = [arn for arn in dict.fromkeys(self._next(edge, direction)) if arn not in seen]
            seen += edge
        return seen[1:]

    def _next(self, arns: Iterable[str], direction: str) -> Iterator[str]:
        for arn in arns:
            for source, destination in list(self._held.edges):
                if direction != "Descendants" and destination == arn:
                    yield source
                if direction != "Ascendants" and source == arn:
                    yield destination

    def _vertex(self, arn: str) -> dict[str, str]:
        return {"Arn": arn, "Type": _type(self._held.entities[arn]), "LineageType": _kind(arn).title()}

    def _add(self, arn: str, entity: Entity, what: str) -> None:
        with self._lock:
            if arn in self._held.entities:
                raise refused(f"{what} already exists.")
            now, by = datetime.now(UTC), self._identities.user_context()
            made = {"CreationTime": now, "CreatedBy": by, "LastModifiedTime": now, "LastModifiedBy": by}
            self._held.entities[arn] = {name: value for name, value in entity.items() if name != "Tags"} | made

    def _get(self, arn: str) -> Entity:
        if arn not in self._held.entities:
            raise _missing(arn)
        return self._held.entities[arn]

    def _remove(self, arn: str) -> None:
        with self._lock:
            self._get(arn)
            if any(arn in edge for edge in self._held.edges):
                raise refused(f"{arn} has associations; delete them first.")
            del self._held.entities[arn]

    def _listed(
        self, kind: Literal["artifact", "action"], type_name: str, keys: tuple[str, ...], asked: dict[str, Any]
    ) -> dict[str, Any]:
        source, wanted = asked.get("SourceUri"), asked.get(type_name)
        found = [e for arn, e in list(self._held.entities.items()) if _kind(arn) == kind]
        found = [e for e in found if source in (None, e["Source"]["SourceUri"]) and wanted in (None, e[type_name])]
        found.sort(key=lambda e: e["CreationTime"], reverse=asked.get("SortOrder") != "Ascending")
        shown, token = page(found, min(asked.get("MaxResults", _LISTED), _LISTED), asked.get("NextToken"))
        return {f"{kind.title()}Summaries": [{k: e[k] for k in keys if k in e} for e in shown], **token}


def _missing(what: str) -> AwsError:
    return AwsError("ResourceNotFound", f"{what} does not exist.")


def _action(name: str) -> str:
    return name if name.startswith("arn:") else f"{_ARN}:action/{name.lower()}"


def _kind(arn: str) -> str:
    return arn.rpartition(":")[2].partition("/")[0]


def _name(entity: Entity) -> str:
    return str(entity.get("ArtifactName", entity.get("ActionName", "")))


def _type(entity: Entity) -> str:
    return str(entity.get("ArtifactType", entity.get("ActionType")))


def _edge(association: Entity) -> Entity:
    return {
        name: association[name] for name in ("SourceArn", "DestinationArn", "AssociationType") if name in association
    }


def _passes(entity: Entity, arn: str, filters: dict[str, Any]) -> bool:
    """Whether a query shows an entity: any of the types, any of the lineage types, all of the properties, and made or changed in time."""
    types, kinds = filters.get("Types"), filters.get("LineageTypes")
    made, changed = entity["CreationTime"].timestamp(), entity["LastModifiedTime"].timestamp()
    wanted = filters.get("Properties", {}).items()
    in_time = filters.get("CreatedAfter", 0) <= made <= filters.get("CreatedBefore", made) and filters.get(
        "ModifiedAfter", 0
    ) <= changed <= filters.get("ModifiedBefore", changed)
    fits = (not types or _type(entity) in types) and (not kinds or _kind(arn).title() in kinds)
    return fits and in_time and all(entity.get("Properties", {}).get(key) == value for key, value in wanted)
