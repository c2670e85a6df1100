"""Queues, cohorts and flavors of one test; what has no namespace bears the namespace's random name before its own."""

from tests.cluster.probe import eventually

GROUP = "kueue.x-k8s.io"
STAY = "sleep 60"


class World:
    def __init__(self, team):
        self.team = team

    def name(self, short):
        return f"{self.team.namespace}-{short}"

    def create(self, kind, plural, name, **fields):
        body = {"apiVersion": f"{GROUP}/v1beta2", "kind": kind, "metadata": {"name": self.name(name)}, **fields}
        self.team.custom.create_cluster_custom_object(GROUP, "v1beta2", plural, body)

    def flavor(self, name="f"):
        self.create("ResourceFlavor", "resourceflavors", name, spec={})

    def priority(self, name, value):
        self.create("WorkloadPriorityClass", "workloadpriorityclasses", name, value=value)

    def quotas(self, flavors):
        """Resource groups of cpu: a quota, or a quota with limits, by flavor."""
        listed = [
            {
                "name": self.name(flavor),
                "resources": [{"name": "cpu", **(quota if isinstance(quota, dict) else {"nominalQuota": str(quota)})}],
            }
            for flavor, quota in flavors.items()
        ]
        return [{"coveredResources": ["cpu"], "flavors": listed}] if listed else []

    def cohort(self, name, parent="", **flavors):
        spec = {"resourceGroups": self.quotas(flavors), **({"parentName": self.name(parent)} if parent else {})}
        self.create("Cohort", "cohorts", name, spec=spec)

    def queue(self, name, cohort="", spec=None, **flavors):
        """A ClusterQueue and the LocalQueue before it, both of this name."""
        groups = self.quotas(flavors)
        more = {"cohortName": self.name(cohort)} if cohort else {}
        body = {"namespaceSelector": {}, "resourceGroups": groups, **more, **(spec or {})}
        self.create("ClusterQueue", "clusterqueues", name, spec=body)
        local = {"apiVersion": f"{GROUP}/v1beta2", "kind": "LocalQueue", "metadata": {"name": name}}
        local["spec"] = {"clusterQueue": self.name(name)}
        path = (GROUP, "v1beta2", self.team.namespace, "localqueues")
        self.team.custom.create_namespaced_custom_object(*path, local)

    def change_queue(self, name, spec):
        self.team.custom.patch_cluster_custom_object(GROUP, "v1beta2", "clusterqueues", self.name(name), {"spec": spec})

    def change_local(self, name, spec):
        path = (GROUP, "v1beta2", self.team.namespace, "localqueues", name)
        self.team.custom.patch_namespaced_custom_object(*path, {"spec": spec})

    def read_queue(self, name):
        return self.team.custom.get_cluster_custom_object(GROUP, "v1beta2", "clusterqueues", self.name(name))

    def submit(self, job, queue, cpu="1", priority="", script=STAY, **spec):
        labels = {"kueue.x-k8s.io/queue-name": queue}
        labels |= {"kueue.x-k8s.io/priority-class": self.name(priority)} if priority else {}
        self.team.job(job, script, labels=labels, cpu=str(cpu), **spec)

    def run(self, job, queue, cpu="1", priority=""):
        """Submit a Job that stays, and wait until it is admitted."""
        self.submit(job, queue, cpu, priority)
        self.is_admitted(job)

    def end(self, job):
        self.team.batch.delete_namespaced_job(job, self.team.namespace, propagation_policy="Background")

    def end_all(self):
        """Leave no process behind, and no quota held that later rounds would look at."""
        for job in self.team.batch.list_namespaced_job(self.team.namespace).items:
            self.end(job.metadata.name)

    def workload(self, job):
        path = (GROUP, "v1beta2", self.team.namespace, "workloads")
        listed = self.team.custom.list_namespaced_custom_object(*path)["items"]
        return next((w for w in listed if w["metadata"]["name"].startswith(f"job-{job}-")), {})

    def conditions(self, job):
        listed = self.workload(job).get("status", {}).get("conditions", [])
        return {c["type"]: (c["status"], c["reason"], c["message"]) for c in listed}

    def holds(self, job):
        return self.conditions(job).get("Admitted", ("",))[0] == "True"

    def is_admitted(self, job):
        eventually(lambda: self.holds(job))

    def waits(self, job, words):
        """Wait until a Workload says that it lacks quota in these words."""

        def look():
            status, _, message = self.conditions(job).get("QuotaReserved", ("", "", ""))
            return status == "False" and words in message

        eventually(look)

    def flavors_of(self, job):
        """The flavor of its cpu by pod set."""
        found = self.workload(job)["status"]["admission"]["podSetAssignments"]
        return [one["flavors"]["cpu"].removeprefix(f"{self.team.namespace}-") for one in found]

    def is_preempted(self, job, reason):
        eventually(lambda: self.conditions(job).get("Preempted", ("", ""))[:2] == ("True", reason))
