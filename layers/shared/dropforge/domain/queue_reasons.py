"""What the words of a queue mean for somebody whose job waits or was stopped: the cause, whose move it is, what to do.

Kueue's own words, and those of the line before a file system (adapters/file_system_turns.py).

Kueue's reason is one word, `Pending`, for most of them, so its message is what tells them apart. A job that several flavors refuse has all their
obstacles in one message: the one that time can mend decides. Words from recordings of Kueue 0.13 and from the source of 0.19, where they differ.
"""

import re
from typing import NamedTuple

from dropforge.domain.catalogue import Whose


class Meaning(NamedTuple):
    """What a message of the queue means. The texts have the named groups of `words` filled in."""

    words: str
    cause: str
    whose: Whose
    next: str

    def filled(self, said: str) -> "Meaning | None":
        """Return the meaning of this very message, or None when it says something else."""
        found = re.search(self.words, said)
        if found is None:
            return None
        groups = {name: text or "" for name, text in found.groupdict().items()}
        return self._replace(cause=self.cause.format(**groups), next=self.next.format(**groups))


_GOES_ON = "Nothing: it goes on from its newest checkpoint when there is room again."
_ASK_FOR_LESS = (
    "Ask for less in `compute`, or have the platform team raise the quota; cancel this run, which would wait for ever."
)
MEANINGS: dict[str, Meaning] = {
    "FileSystemBusy": Meaning(
        r"^the file system is busy with (?P<what>.+)",
        "A file system copies for one run at a time, and is busy with {what}.",
        "time",
        "Nothing: runs take turns in the order in which they asked.",
    ),
    "QuotaInUse": Meaning(
        r"insufficient unused quota for (?P<resource>\S+) in flavor (?P<flavor>\S+), (?P<more>\S+) more needed",
        "The team's quota is in use: {more} more of {resource} on {flavor} must become free.",
        "time",
        "Nothing: it starts when other work of the team ends. Cancel what you need less, or run it with a higher priority.",
    ),
    "TopologyFull": Meaning(
        r'topology "(?P<topology>[^"]+)" (?:doesn\'t allow to fit|allows to fit only)',
        "The free nodes do not lie together in the topology `{topology}` as the job asks.",
        "time",
        "Nothing: it starts when nodes that lie together become free.",
    ),
    "NeverFits": Meaning(
        r"insufficient quota for (?P<resource>\S+) in flavor (?P<flavor>\S+), .*> maximum capacity \((?:[^)>]*> )?(?P<most>[^)]*)\)",
        "It asks for more of {resource} on {flavor} than the team may ever have ({most} at most).",
        "you",
        _ASK_FOR_LESS,
    ),
    "ResourceNotCovered": Meaning(
        r"resource (?P<resource>\S+) unavailable in ClusterQueue",
        "The team's quota says nothing of {resource}, so the queue gives none of it.",
        "the platform team",
        "Add {resource} to the quota of the team's ClusterQueue.",
    ),
    "FlavorMissing": Meaning(
        r"flavor (?P<flavor>\S+) not found",
        "The queue counts on the ResourceFlavor {flavor}, which is not on the cluster.",
        "the platform team",
        "Create the ResourceFlavor {flavor}, or take it out of the team's ClusterQueue.",
    ),
    "TopologyUnsupported": Meaning(
        r'Flavor "(?P<flavor>[^"]+)" does not support TopologyAwareScheduling',
        "The job asks for nodes that lie together, and {flavor} knows no topology.",
        "the platform team",
        "Give the ResourceFlavor {flavor} a topologyName, or run without `topology`.",
    ),
    "NodesDoNotMatch": Meaning(
        r"flavor (?P<flavor>\S+) doesn't match node affinity",
        "The team has no quota on the instance type that the job asks for.",
        "the platform team",
        "Add the instance type to the team's quota, or choose another one in `compute.instance_type`.",
    ),
    "TaintNotTolerated": Meaning(
        r"untolerated taint .* in flavor (?P<flavor>\S+)",
        "The nodes of {flavor} are closed to the job by a taint.",
        "the platform team",
        "Give the ResourceFlavor {flavor} the toleration, or open the nodes.",
    ),
    "QueueMissing": Meaning(
        r"LocalQueue (?P<queue>\S+) doesn't exist",
        "The team's queue {queue} is not in its namespace.",
        "the platform team",
        "Apply the team's objects again (docs/operations.md, Teams).",
    ),
    "ClusterQueueMissing": Meaning(
        r"ClusterQueue (?P<queue>\S+) doesn't exist",
        "The team's queue points to the ClusterQueue {queue}, which is not on the cluster.",
        "the platform team",
        "Apply the team's objects again (docs/operations.md, Teams).",
    ),
    "QueueInactive": Meaning(
        r"(?P<queue>(?:Local|Cluster)Queue(?: \S+)?) is inactive",
        "{queue} takes no work at the moment: something that it needs is missing.",
        "the platform team",
        "Look at the condition Active of the queue: `kubectl describe clusterqueue`.",
    ),
    "QueueStopped": Meaning(
        r"(?P<queue>(?:Local|Cluster)Queue(?: \S+)?) is stopped",
        "Somebody has stopped the queue ({queue}).",
        "the platform team",
        "Set its `stopPolicy` back to None; the job then goes on by itself.",
    ),
    "NamespaceNotAllowed": Meaning(
        r"namespace doesn't match ClusterQueue selector",
        "The team's ClusterQueue does not take work of the team's namespace.",
        "the platform team",
        "Correct `namespaceSelector` of the ClusterQueue.",
    ),
    "MoreUrgentWork": Meaning(
        r"^Preempted .*due to prioritization in the ClusterQueue",
        "More urgent work of the team took its place.",
        "time",
        _GOES_ON,
    ),
    "LentQuotaTakenBack": Meaning(
        r"^Preempted .*due to reclamation within the cohort(?! while borrowing)",
        "It ran on quota that another team had lent, and that team takes it back.",
        "time",
        _GOES_ON,
    ),
    "OverrunByBorrower": Meaning(
        r"^Preempted .*due to reclamation within the cohort while borrowing",
        "It ran on quota that another team had lent, and more urgent work borrows it now.",
        "time",
        _GOES_ON,
    ),
    "FairShare": Meaning(
        r"^Preempted .*due to Fair Sharing within the cohort",
        "Its team had used more than its fair share of what the teams have together.",
        "time",
        _GOES_ON,
    ),
    "PodsNotReady": Meaning(
        r"Exceeded the PodsReady timeout",
        "Its pods did not all start within the time that the cluster allows.",
        "the platform team",
        "Find out why they do not start (image, nodes, volume): `kubectl describe pods`; it is tried again by itself.",
    ),
    "CheckRefused": Meaning(
        r"(?i)admission check",
        "An admission check of the cluster said no.",
        "the platform team",
        "Look at `status.admissionChecks` of the Workload for the check and what it says.",
    ),
    "NodesFailed": Meaning(
        r"(?i)node failures?|unhealthy node|NodeFailures",
        "Nodes of the job failed.",
        "time",
        _GOES_ON,
    ),
    "RanTooLong": Meaning(
        r"(?i)maximum execution time",
        "The cluster's own limit for how long a job may run was reached.",
        "the platform team",
        "Raise the limit, or ask for fewer steps; then use `dropforge retry`.",
    ),
    "TooManyRequeues": Meaning(
        r"maximum number of re-queuing retries",
        "The cluster has tried to start it too often and gave up.",
        "the platform team",
        "Find out why its pods do not start, then use `dropforge cancel` and `dropforge retry`.",
    ),
    "Deactivated": Meaning(
        r"The workload is deactivated",
        "Somebody has deactivated the job's Workload.",
        "the platform team",
        "Set `spec.active` of the Workload back to true, or cancel the run.",
    ),
}


def meaning(said: str) -> Meaning:
    """Return what a message of the queue means; words that nobody foresaw stay as they are."""
    found = (one.filled(said) for one in MEANINGS.values())
    unknown = Meaning("", f"The queue says: {said}", "the platform team", "Look at the job's Workload on the cluster.")
    return next((one for one in found if one is not None), unknown)
