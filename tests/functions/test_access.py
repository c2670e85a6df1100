"""Five ways in which a cluster does not let us in, each told apart by what to do about it. Every one is made on a real API server."""

import copy
import io
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError
from dropforge.adapters import aws, cluster, connections
from dropforge.adapters.connections import Role, connect
from dropforge.domain.failures import Failure
from dropforge.domain.onboarding import JOBS_AT_ONCE
from dropforge.errors import InvalidInput, QuotaExceeded
from kubernetes.client import RbacAuthorizationV1Api
from urllib3 import HTTPResponse

from tests.functions.conftest import forget_connections
from tests.functions.site import DIGEST, Site
from tests.functions.wires import answering


@pytest.fixture(autouse=True)
def as_before(onsite: Site) -> Iterator[None]:
    """The cluster lets everybody in again after a test."""
    entries = dict(onsite.entries)
    yield
    onsite.entries.clear()
    onsite.entries.update(entries)
    onsite.skew[0] = timedelta(0)
    allow(onsite, JOBS_AT_ONCE)
    forget_connections()


def allow(onsite: Site, jobs: int) -> None:
    """Let the team's namespace hold so many jobs."""
    hard = {"spec": {"hard": {"count/jobs.batch": str(jobs)}}}
    onsite.core.patch_namespaced_resource_quota("dropforge", onsite.namespace, hard)


def refused(onsite: Site, **changed: str) -> Failure:
    reader = connect(onsite.spec.model_copy(update=changed), "reader")
    with pytest.raises(InvalidInput) as raised:
        list(cluster.list_jobs(reader, onsite.namespace, ""))
    return raised.value.failure


def test_whoever_is_let_in_is_let_in(onsite: Site) -> None:
    assert list(cluster.list_jobs(connect(onsite.spec, "reader"), onsite.namespace, "")) == []


@pytest.mark.parametrize("minutes", [-40, 40])
def test_a_token_of_another_time_names_both_times(onsite: Site, minutes: int) -> None:
    onsite.skew[0] = timedelta(minutes=minutes)
    failure = refused(onsite)
    assert failure.code == "ClusterTokenExpired"
    assert f"{minutes:+d} minutes away" in failure.why


def test_a_token_for_another_cluster_names_the_name_that_is_wrong(onsite: Site) -> None:
    failure = refused(onsite, eks_name="another-eks")
    assert failure.code == "ClusterNameMismatch"
    assert "`another-eks`" in failure.why
    assert "`eks_name`" in failure.next


def test_a_role_without_an_access_entry_is_named_with_the_command_that_makes_one(onsite: Site) -> None:
    del onsite.entries[onsite.spec.reader_role]
    failure = refused(onsite)
    assert failure.code == "ClusterAccessMissing"
    assert onsite.spec.reader_role in failure.why
    assert "aws eks create-access-entry" in failure.next


DENIAL = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>User: arn:aws:sts::123456789012:assumed-role/watch/w is "
    "not authorized to perform: sts:AssumeRole on resource: {role}</Message></Error></ErrorResponse>"
)


def denied(role: str, code: str) -> Callable[[AWSPreparedRequest], AWSResponse]:
    """STS, which does not give a role away."""

    def answer(request: AWSPreparedRequest) -> AWSResponse:
        body = io.BytesIO(DENIAL.format(code=code, role=role).encode())
        raw = HTTPResponse(body=body, status=403, preload_content=False)
        return AWSResponse(request.url, 403, raw.headers, raw)  # type: ignore[arg-type]

    return answer


@pytest.mark.parametrize("kind", ["reader", "writer"])
def test_a_role_that_aws_does_not_give_us_is_named_with_its_trust_policy(onsite: Site, kind: Role) -> None:
    role = onsite.spec.reader_role if kind == "reader" else onsite.spec.writer_role
    with (
        answering(aws.sts(), "AssumeRole", denied(role, "AccessDenied")),
        pytest.raises(InvalidInput) as raised,
    ):
        connect(onsite.spec, kind)
    failure = raised.value.failure
    assert (failure.code, failure.evidence["role"]) == ("ClusterRoleDenied", role)
    assert f"not authorized to perform: sts:AssumeRole on resource: {role}" in failure.why
    assert "trust policy" in failure.next


def test_another_answer_of_sts_keeps_its_own_words(onsite: Site) -> None:
    with (
        answering(aws.sts(), "AssumeRole", denied(onsite.spec.reader_role, "RegionDisabledException")),
        pytest.raises(ClientError, match="RegionDisabledException"),
    ):
        connect(onsite.spec, "reader")


def test_a_rule_that_is_missing_is_named_in_the_servers_own_words(onsite: Site) -> None:
    rbac = RbacAuthorizationV1Api(onsite.cluster.client())
    whole = rbac.read_namespaced_role("dropforge-reader", onsite.namespace)
    less = copy.deepcopy(whole)
    less.rules = [rule for rule in whole.rules if "jobs" not in rule.resources]
    rbac.replace_namespaced_role("dropforge-reader", onsite.namespace, less)
    failure = refused(onsite)
    whole.metadata.resource_version = None
    rbac.replace_namespaced_role("dropforge-reader", onsite.namespace, whole)
    assert failure.code == "ClusterRuleMissing"
    assert failure.why == (
        'jobs.batch is forbidden: User "reader/dropforge" cannot list resource "jobs" in API group "batch" '
        f'in the namespace "{onsite.namespace}"'
    )


def test_a_namespace_that_is_full_is_no_missing_rule(onsite: Site) -> None:
    held = len(onsite.batch.list_namespaced_job(onsite.namespace).items)
    allow(onsite, held)
    container = {"name": "main", "image": f"registry.example/tiny@{DIGEST}"}
    spec = {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    metadata = {"name": "one-too-many", "namespace": onsite.namespace}
    with pytest.raises(QuotaExceeded) as raised:
        cluster.apply(
            connect(onsite.spec, "writer"),
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec},
        )
    amounts = f"requested: count/jobs.batch=1, used: count/jobs.batch={held}, limited: count/jobs.batch={held}"
    assert raised.value.failure.code == "NamespaceFull"
    assert raised.value.failure.why == f'jobs.batch "one-too-many" is forbidden: exceeded quota: dropforge, {amounts}'


def test_the_reader_may_not_delete_and_the_writer_may_not_look_at_other_namespaces(onsite: Site) -> None:
    with pytest.raises(InvalidInput, match=r'cannot delete resource \\+"jobs'):
        cluster.delete_job(connect(onsite.spec, "reader"), onsite.namespace, "any")
    with pytest.raises(InvalidInput, match=r"in the namespace .+kube-system"):
        list(cluster.list_jobs(connect(onsite.spec, "writer"), "kube-system", ""))
    assert connections.connect(onsite.spec, "writer").role == "writer"
