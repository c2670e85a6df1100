"""EKS clusters: what a client needs to find a Kubernetes API server, which somebody else runs and registers here."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localcloud.aws.clock import Clock
from localcloud.aws.errors import AwsError
from localcloud.aws.front import operation
from localcloud.aws.paging import page

CREATION_SECONDS = 600
_ARN = "arn:aws:eks:us-east-1:123456789012:cluster"


@dataclass
class _Cluster:
    answer: dict[str, Any]
    active_at: float
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Address:
    endpoint: str
    ca_pem: str

    def answer(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "certificateAuthority": {"data": base64.b64encode(self.ca_pem.encode()).decode()},
        }


class FakeEks:
    """The EKS operations of the local cloud."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._clusters: dict[str, _Cluster] = {}
        self._addresses: dict[str, _Address] = {}

    def register_cluster(self, name: str, endpoint: str, ca_pem: str) -> None:
        """Give a cluster its API server; one that was not created through the API is ACTIVE at once."""
        self._addresses[name] = _Address(endpoint, ca_pem)
        self._clusters.setdefault(name, _Cluster(_new_answer({"name": name}), self._clock.elapsed()))

    def entries_of(self, name: str) -> dict[str, dict[str, Any]]:
        """Give a cluster's access entries by principal, to be changed in place; ResourceNotFoundException."""
        return self._get(name).entries

    def _get(self, name: str) -> _Cluster:
        if name not in self._clusters:
            raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
        return self._clusters[name]

    def _answer(self, name: str) -> dict[str, Any]:
        cluster = self._get(name)
        if self._clock.elapsed() < cluster.active_at:
            return {**cluster.answer, "status": "CREATING"}
        address = self._addresses.get(name)
        return {**cluster.answer, "status": "ACTIVE", **(address.answer() if address else {})}

    @operation("eks", "CreateCluster")
    def create_cluster(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """CREATING for ten minutes of cloud time, then ACTIVE."""
        name = parameters["name"]
        known = self._clusters.get(name)
        if known and known.answer.get("clientRequestToken") != parameters.get("clientRequestToken"):
            raise AwsError("ResourceInUseException", f"Cluster already exists with name: {name}", 409)
        if not known:
            self._clusters[name] = _Cluster(_new_answer(parameters), self._clock.elapsed() + CREATION_SECONDS)
        return {"cluster": self._answer(name)}

    @operation("eks", "DescribeCluster")
    def describe_cluster(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """A cluster with its endpoint and certificate authority."""
        return {"cluster": self._answer(parameters["name"])}

    @operation("eks", "ListClusters")
    def list_clusters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Names of all clusters."""
        size = parameters.get("maxResults")
        names, token = page(sorted(self._clusters), int(size) if size else None, parameters.get("nextToken"))
        return {"clusters": names, **{"nextToken": value for value in token.values()}}

    @operation("eks", "DeleteCluster")
    def delete_cluster(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Forget a cluster."""
        answer = self._answer(parameters["name"])
        del self._clusters[parameters["name"]]
        return {"cluster": {**answer, "status": "DELETING"}}


def _new_answer(parameters: dict[str, Any]) -> dict[str, Any]:
    defaults = {"version": "1.33", "arn": f"{_ARN}/{parameters['name']}", "createdAt": datetime.now(UTC)}
    return defaults | parameters
