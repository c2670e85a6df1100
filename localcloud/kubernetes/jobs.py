"""The Job controller: every Job is looked at whenever something changes."""

from collections import defaultdict
from dataclasses import dataclass, field

from localcloud.kubernetes import job_pods
from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.job_pass import COMPONENT, JobPass
from localcloud.kubernetes.objects import Object, owner_uids, uid_of
from localcloud.kubernetes.resources import JOBS, PODS


@dataclass
class Jobs:
    """Every Job of one cluster; `speed` shortens back-off and time to live, never a job's own deadline."""

    api: Api
    speed: float
    _failed_at: dict[str, float] = field(default_factory=dict)

    def reconcile(self) -> float | None:
        """Look at every Job once; gives the seconds until time alone changes something."""
        pods: dict[str, list[Object]] = defaultdict(list)
        for pod in self.api.store.all_of(PODS):
            for uid in owner_uids(pod) or [""]:
                pods[uid].append(pod)
        jobs = self.api.store.all_of(JOBS)
        self._release_strays(pods, {uid_of(job) for job in jobs})
        waits = [JobPass(self.api, self.speed, job, pods[uid_of(job)], self._failed_at).run() for job in jobs]
        return min((wait for wait in waits if wait is not None), default=None)

    def _release_strays(self, pods: dict[str, list[Object]], jobs: set[str]) -> None:
        strays = [pod for uid, owned in pods.items() if uid not in jobs for pod in owned]
        for pod in filter(job_pods.is_tracked, strays):
            self.api.change(place_of(PODS, pod), job_pods.released, Options(COMPONENT))
