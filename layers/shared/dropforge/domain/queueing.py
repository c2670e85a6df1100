"""A cluster's queues as its API server shows them: ClusterQueues, Cohorts, LocalQueues, flavors and a team's Workloads, as far as we read them.

Both versions of Kueue's API that we know are read alike; a ClusterQueue names its cohort `cohort` in v1beta1 and `cohortName` in v1beta2.
"""

from fractions import Fraction
from typing import NamedTuple

from pydantic import AliasChoices, Field

from dropforge.domain.quantities import parse
from dropforge.domain.quotas import Group, Key, Node, Shown, plant


class Condition(Shown):
    """A condition of a queue or a Workload."""

    type: str
    status: str
    message: str = ""


class Owner(Shown):
    """Who an object belongs to."""

    name: str


class Metadata(Shown):
    """The name of an object and who owns it."""

    name: str
    owners: tuple[Owner, ...] = Field(alias="ownerReferences", default=())


class Total(Shown):
    """How much of a resource is reserved."""

    name: str
    total: str | int | float = "0"


class Reserved(Shown):
    """What is reserved of a flavor."""

    name: str
    resources: tuple[Total, ...] = ()


class QueueStatus(Shown):
    """How a queue is. `pending` are the Workloads that wait in it."""

    conditions: tuple[Condition, ...] = ()
    pending: int = Field(alias="pendingWorkloads", default=0)
    reserved: tuple[Reserved, ...] = Field(alias="flavorsReservation", default=())

    @property
    def inactive(self) -> str:
        """Why the queue takes no work, in Kueue's words; empty when it does."""
        return next((c.message or c.type for c in self.conditions if c.type == "Active" and c.status == "False"), "")


class Selector(Shown):
    """Which namespaces a ClusterQueue takes work from."""

    labels: dict[str, str] = Field(alias="matchLabels", default_factory=dict)
    expressions: tuple[dict[str, object], ...] = Field(alias="matchExpressions", default=())


class Fungibility(Shown):
    """When a later flavor is tried although an earlier one could be had."""

    preempting: str = Field(alias="whenCanPreempt", default="TryNextFlavor")


class ClusterQueueSpec(Shown):
    """What a ClusterQueue has and how it admits."""

    cohort: str = Field(validation_alias=AliasChoices("cohortName", "cohort"), default="")
    groups: tuple[Group, ...] = Field(alias="resourceGroups", default=())
    stop: str = Field(alias="stopPolicy", default="None")
    strategy: str = Field(alias="queueingStrategy", default="BestEffortFIFO")
    namespaces: Selector | None = Field(alias="namespaceSelector", default=None)
    fungibility: Fungibility = Field(alias="flavorFungibility", default=Fungibility())
    checks: tuple[str, ...] = Field(alias="admissionChecks", default=())
    checks_strategy: dict[str, object] | None = Field(alias="admissionChecksStrategy", default=None)


class ClusterQueue(Shown):
    """A ClusterQueue: a team's quota."""

    metadata: Metadata
    spec: ClusterQueueSpec = ClusterQueueSpec()
    status: QueueStatus = QueueStatus()

    def node(self) -> Node:
        """Return it as a node of its tree, with what its own Workloads hold."""
        reserved = {
            (flavor.name, total.name): parse(total.total)
            for flavor in self.status.reserved
            for total in flavor.resources
        }
        return Node(self.metadata.name, self.spec.groups, reserved)


class CohortSpec(Shown):
    """What a Cohort has of its own, and the Cohort above it."""

    parent: str = Field(validation_alias=AliasChoices("parentName", "parent"), default="")
    groups: tuple[Group, ...] = Field(alias="resourceGroups", default=())


class Cohort(Shown):
    """A Cohort."""

    metadata: Metadata
    spec: CohortSpec = CohortSpec()


class LocalQueueSpec(Shown):
    """Where a LocalQueue's jobs are admitted."""

    cluster_queue: str = Field(alias="clusterQueue", default="")
    stop: str = Field(alias="stopPolicy", default="None")


class LocalQueue(Shown):
    """A LocalQueue: where a team's jobs queue."""

    metadata: Metadata
    spec: LocalQueueSpec = LocalQueueSpec()
    status: QueueStatus = QueueStatus()


class FlavorSpec(Shown):
    """What nodes a flavor stands for."""

    labels: dict[str, str] = Field(alias="nodeLabels", default_factory=dict)
    taints: tuple[dict[str, str], ...] = Field(alias="nodeTaints", default=())
    tolerations: tuple[dict[str, object], ...] = ()
    topology: str = Field(alias="topologyName", default="")


class Flavor(Shown):
    """A ResourceFlavor."""

    metadata: Metadata
    spec: FlavorSpec = FlavorSpec()


class Share(Shown):
    """What one pod set of a Workload was given: the flavor of each resource, and how much."""

    flavors: dict[str, str] = Field(default_factory=dict)
    usage: dict[str, str | int | float] = Field(alias="resourceUsage", default_factory=dict)


class Admission(Shown):
    """What a Workload was given, and by which ClusterQueue."""

    cluster_queue: str = Field(alias="clusterQueue", default="")
    shares: tuple[Share, ...] = Field(alias="podSetAssignments", default=())


class WorkloadStatus(Shown):
    """How a Workload is."""

    conditions: tuple[Condition, ...] = ()
    admission: Admission | None = None


class Workload(Shown):
    """A Workload with what it holds."""

    metadata: Metadata
    status: WorkloadStatus = WorkloadStatus()

    @property
    def name(self) -> str:
        """The job that it stands for."""
        return self.metadata.owners[0].name if self.metadata.owners else self.metadata.name

    def holds(self, key: Key) -> Fraction:
        """Return how much of a resource of a flavor it holds."""
        if self.status.admission is None or self._is("Finished"):
            return Fraction(0)
        shares = (one for one in self.status.admission.shares if one.flavors.get(key[1]) == key[0])
        return sum((parse(share.usage.get(key[1], 0)) for share in shares), Fraction(0))

    @property
    def waits_for_others_to_go(self) -> bool:
        """Whether the queue is stopping others for its sake: what is free meanwhile is promised to it."""
        waiting = (c for c in self.status.conditions if c.type == "QuotaReserved" and c.status == "False")
        return any("Pending the preemption of" in condition.message for condition in waiting)

    def _is(self, kind: str) -> bool:
        return any(c.type == kind and c.status == "True" for c in self.status.conditions)


class Queueing(NamedTuple):
    """Everything that decides whether a team's job is admitted now: its LocalQueue (None when there is none) and Workloads, the cluster's queues."""

    namespace: str
    local: LocalQueue | None
    queues: tuple[ClusterQueue, ...]
    cohorts: tuple[Cohort, ...]
    flavors: tuple[Flavor, ...]
    workloads: tuple[Workload, ...]

    def cluster_queue(self) -> ClusterQueue | None:
        """Return the ClusterQueue that the team's jobs are admitted by."""
        wanted = self.local.spec.cluster_queue if self.local is not None else ""
        return next((queue for queue in self.queues if queue.metadata.name == wanted), None)

    def trees(self) -> dict[str, Node]:
        """Return every ClusterQueue as a node of its tree, by name."""
        nodes = {queue.metadata.name: queue.node() for queue in self.queues}
        above = {queue.metadata.name: queue.spec.cohort for queue in self.queues}
        above |= {f"cohort/{cohort.metadata.name}": cohort.spec.parent for cohort in self.cohorts}
        plant(nodes.values(), (Node(one.metadata.name, one.spec.groups) for one in self.cohorts), above)
        return nodes
