"""A whole Kubernetes cluster in this process: API over HTTPS, controllers, nodes that run real programs.

Nothing is global, so several clusters live side by side; `stop` leaves no thread and no child process behind.
"""

import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import kubernetes.client
import yaml

from localcloud.kubernetes import authorization
from localcloud.kubernetes.admission_policies import require_allowed
from localcloud.kubernetes.api import Api
from localcloud.kubernetes.authentication import OWN_TOKEN, Tokens, User, nobody
from localcloud.kubernetes.certificates import issue
from localcloud.kubernetes.clock import Ahead, following, on_time
from localcloud.kubernetes.containers import Host
from localcloud.kubernetes.definitions import Definitions
from localcloud.kubernetes.escalation import Limits
from localcloud.kubernetes.garbage import Garbage
from localcloud.kubernetes.images import Image
from localcloud.kubernetes.jobs import Jobs
from localcloud.kubernetes.kubelet import Kubelet, register
from localcloud.kubernetes.kueue import Kueue
from localcloud.kubernetes.kueue_configuration import fair_strategies
from localcloud.kubernetes.loops import Loop
from localcloud.kubernetes.pod_priorities import settle_priority
from localcloud.kubernetes.pod_security import require_secure
from localcloud.kubernetes.refusals import Refusals
from localcloud.kubernetes.request_log import RequestLog, Seen, When
from localcloud.kubernetes.resource_quotas import ResourceQuotas, require_room
from localcloud.kubernetes.resources import NAMESPACES
from localcloud.kubernetes.scheduling import Scheduler
from localcloud.kubernetes.server import Door, Server
from localcloud.kubernetes.verbs import Verbs
from localcloud.kubernetes.volumes import Volumes

INSTANCE_TYPE = "local.cpu"
_FIRST_NAMESPACES = ("default", "kube-system", "kueue-system")


@dataclass
class LocalCluster:
    """One cluster; `speed` divides Kubernetes' own waits (grace periods, back-off, time to live).

    It has one node of each of the `instance_types`; `capacity` is that of each.
    `kueue` is Kueue's manager configuration, of which fair sharing is followed; ValueError names what is not.
    `ahead` says by how many seconds its clock is ahead of ours; it may change at any time.
    `tokens` says who presents a bearer token; without it only clients that the cluster gave away itself get in.
    """

    name: str
    folder: Path
    images: Mapping[str, Image] = field(kw_only=True)
    speed: float = field(default=1.0, kw_only=True)
    capacity: Mapping[str, str] | None = field(default=None, kw_only=True)
    instance_types: tuple[str, ...] = field(default=(INSTANCE_TYPE,), kw_only=True)
    port: int = field(default=0, kw_only=True)
    tokens: Tokens = field(default=nobody, kw_only=True)
    ahead: Ahead = field(default=on_time, kw_only=True)
    kueue: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder).absolute()
        self._fair = fair_strategies(self.kueue)
        self._nodes = {kind: f"{self.name}-{kind.replace('.', '-')}" for kind in self.instance_types}
        self._certificates = issue(self.name)
        self._refusals = Refusals()
        self._requests = RequestLog()
        self._api = Api(admissions=[settle_priority, require_secure, require_allowed, require_room])
        self._kubelet = Kubelet(Host(self._api, self.folder / ".pods", self.images, self.speed), self._nodes.values())
        self._authorizer = authorization.Authorizer(self._api)
        self._verbs = Verbs(self._api, self._kubelet.logs, Limits(self._authorizer).check)
        self._loops: list[Loop] = []
        self._server: Server | None = None

    def start(self) -> Self:
        """Listen and let the controllers run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / ".ca.pem").write_text(self.ca_pem)
        with following(self.ahead):
            for namespace in _FIRST_NAMESPACES:
                self._api.create(NAMESPACES, "", {"metadata": {"name": namespace}})
            authorization.install(self._api)
            self._loops = [Loop(name, self._api.store, part.reconcile) for name, part in self._controllers().items()]
        for kind in self.instance_types:
            self.add_node(kind)
        self.resume()
        for loop in self._loops:
            loop.start()
        return self

    def _controllers(self) -> dict[str, Any]:
        return {
            "kueue": Kueue(self._api, self._fair),
            "jobs": Jobs(self._api, self.speed),
            "scheduler": Scheduler(self._api, self._nodes.values()),
            "kubelet": self._kubelet,
            "definitions": Definitions(self._api),
            "quotas": ResourceQuotas(self._api),
            "garbage": Garbage(self._api),
            "volumes": Volumes(self._api),
        }

    def stop(self) -> None:
        """Kill every process, end every thread; raises what a controller died of."""
        self._api.store.close()
        self.pause()
        for loop in self._loops:
            loop.join()
        self._kubelet.stop()
        for loop in self._loops:
            if loop.failure is not None:
                raise loop.failure

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """Give the address of the API server."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_pem(self) -> str:
        """Give the certificate a client must trust, as PEM text."""
        return self._certificates.authority

    def client(self, token: str = OWN_TOKEN) -> Any:
        """Give a `kubernetes.client.ApiClient` that talks to this cluster."""
        configuration = kubernetes.client.Configuration(host=self.endpoint)
        configuration.ssl_ca_cert = str(self.folder / ".ca.pem")
        configuration.api_key = {"authorization": f"Bearer {token}"}
        configuration.retries = False
        return kubernetes.client.ApiClient(configuration)

    def kubeconfig(self) -> str:
        """Give a kubeconfig as YAML text, with a token for whoever needs one."""
        authority = {"certificate-authority": str(self.folder / ".ca.pem"), "server": self.endpoint}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.name, "cluster": authority}],
            "users": [{"name": self.name, "user": {"token": OWN_TOKEN}}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
            "current-context": self.name,
        }
        return yaml.safe_dump(document, sort_keys=False)

    def pause(self) -> None:
        """Make the API unreachable: nothing listens and open connections are cut. Pods go on."""
        if self._server is not None:
            self._server.shut()
            self._server = None

    def resume(self) -> None:
        """Make the API reachable again, at the same address."""
        if self._server is None:
            door = Door(self._ask, self._authorizer, self._verbs)
            with following(self.ahead):
                self._server = Server(self.port, self._tls(), door, self._refusals, self._requests)
            self.port = self._server.server_address[1]

    def _ask(self, token: str) -> User | None:
        """Ask whoever knows tokens at the moment."""
        return self.tokens(token)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(self._certificates.certificate + self._certificates.key)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def refuse(
        self,
        times: int,
        status: int = 503,
        retry_after: int | None = None,
        verb: str | None = None,
        resource: str | None = None,
    ) -> None:
        """Refuse the next `times` requests with this HTTP status; `resource` is a plural, `verb` a Kubernetes verb."""
        self._refusals.add(times, status, retry_after, verb, resource)

    def accept(self) -> None:
        """End every refusal, and every failure of `fail_request`, that is still open."""
        self._refusals.clear()
        self._requests.accept()

    def record(self) -> None:
        """Count requests anew. `client()` and the kubeconfig are for looking on: what they ask is neither counted nor failed."""
        self._requests.record()

    def requests(self) -> list[Seen]:
        """Give every request since `record()`, or since the start, in the order of arrival."""
        return self._requests.seen()

    def fail_request(
        self, verb: str, resource: str, occurrence: int, when: When = "before", status: int | None = 500
    ) -> None:
        """Spoil one request, named as `requests()` names it, the first being occurrence 1.

        `before` it has an effect, or `after`, when only the answer is lost. The client gets the HTTP status, or with None a connection that
        is closed without an answer.
        """
        self._requests.fail(verb, resource, occurrence, when, status)

    def lose_node(self, instance_type: str = INSTANCE_TYPE) -> None:
        """Lose a node as when its machine is terminated: processes die untold, Node and pods go; LookupError when it is lost already."""
        with following(self.ahead):
            self._kubelet.lose(self._nodes[instance_type])

    def add_node(self, instance_type: str = INSTANCE_TYPE) -> None:
        """Bring a node of the same name and capacity, empty, after `lose_node`."""
        with following(self.ahead):
            register(self._api, self._nodes[instance_type], instance_type, self.capacity)

    def kill(self, pod: str) -> None:
        """Kill the processes of a running pod with SIGKILL; LookupError when none of that name runs."""
        self._kubelet.kill(pod)

    def expire(self) -> None:
        """Forget history and list snapshots, as a compaction does: older watches and continue tokens answer 410."""
        self._api.store.forget()
        self._verbs.pages.forget()
