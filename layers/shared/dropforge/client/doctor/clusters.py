"""Each described cluster: whether it is there, lets our roles in, and has its file system tied to the buckets."""

from collections.abc import Iterator
from functools import partial

from botocore.exceptions import ClientError

from dropforge import naming
from dropforge.client.addresses import Addresses
from dropforge.client.doctor.findings import Finding, absent, ask, expect, missing, ok
from dropforge.domain import onboarding
from dropforge.domain.clusters import Cluster

TIES = {"/datasets": "datasets", "/exports": "models"}  # path on the file system, and the bucket it is tied to


def examine(addresses: Addresses, clusters: dict[str, Cluster]) -> Iterator[Finding]:
    """Yield what is known of every cluster that is described."""
    for name, cluster in clusters.items():
        what = f"cluster {name}"
        yield from ask(what, partial(_eks, addresses, what, cluster))
        for kind, arn in (("reader", cluster.reader_role), ("writer", cluster.writer_role)):
            yield from ask(f"{what}, {kind}", partial(_role, addresses, f"{what}, {kind}", kind, arn))
            yield from ask(
                f"{what}, {kind}'s access",
                partial(_access, addresses, f"{what}, {kind}'s access", (cluster, kind, arn)),
            )
        yield from ask(f"{what}, file system", partial(_file_system, addresses, f"{what}, file system", cluster))
        yield from ask(f"{what}, associations", partial(_associations, addresses, what, cluster))


def _eks(addresses: Addresses, what: str, cluster: Cluster) -> Iterator[Finding]:
    try:
        found = addresses.session.client("eks").describe_cluster(name=cluster.eks_name)["cluster"]
    except ClientError as error:
        if absent(error, "ResourceNotFoundException"):
            yield missing(
                what, f"EKS knows no `{cluster.eks_name}` in this Region", "Correct `eks_name`, or make the cluster."
            )
        return
    yield expect(what, cluster.eks_name, (found["status"], "ACTIVE"), "Wait, or mend it in EKS.")


def _role(addresses: Addresses, what: str, kind: str, arn: str) -> Iterator[Finding]:
    name = arn.rpartition("/")[2]
    try:
        trust = addresses.session.client("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    except ClientError as error:
        if absent(error, "NoSuchEntity"):
            yield missing(what, f"there is no role `{name}`", "Make it; docs/operations.md, section The two roles.")
        return
    untrusted = [function for function in onboarding.CALLERS[kind] if _role_of(addresses, function) not in str(trust)]
    if untrusted:
        yield missing(
            what, f"`{name}` does not trust the roles of {', '.join(untrusted)}", "Add them to its trust policy."
        )
    else:
        yield ok(what, f"{name} trusts who assumes it")


def _role_of(addresses: Addresses, function: str) -> str:
    name = naming.function(addresses.environment, function)
    return addresses.functions.get_function_configuration(FunctionName=name)["Role"]


def _access(addresses: Addresses, what: str, of: tuple[Cluster, str, str]) -> Iterator[Finding]:
    cluster, kind, arn = of
    group = onboarding.group(kind)
    to_do = (
        f"`aws eks create-access-entry` with `--kubernetes-groups {group}`; docs/operations.md, section The two roles."
    )
    try:
        entry = addresses.session.client("eks").describe_access_entry(clusterName=cluster.eks_name, principalArn=arn)[
            "accessEntry"
        ]
    except ClientError as error:
        if absent(error, "ResourceNotFoundException"):
            yield missing(what, f"{cluster.eks_name} has no access entry for `{arn.rpartition('/')[2]}`", to_do)
        return
    groups = entry.get("kubernetesGroups", [])
    yield ok(what, f"in group {group}") if group in groups else missing(what, f"its groups are {groups}", to_do)


def _file_system(addresses: Addresses, what: str, cluster: Cluster) -> Iterator[Finding]:
    try:
        (found,) = addresses.session.client("fsx").describe_file_systems(FileSystemIds=[cluster.file_system])[
            "FileSystems"
        ]
    except ClientError as error:
        if absent(error, "FileSystemNotFound"):
            yield missing(what, f"FSx knows no `{cluster.file_system}`", "Correct `file_system`, or make one.")
        return
    yield expect(what, cluster.file_system, (found["Lifecycle"], "AVAILABLE"), "Mend it in FSx.")


def _associations(addresses: Addresses, what: str, cluster: Cluster) -> Iterator[Finding]:
    only = [{"Name": "file-system-id", "Values": [cluster.file_system]}]
    fsx = addresses.session.client("fsx")
    found = fsx.describe_data_repository_associations(Filters=only)["Associations"]  # type: ignore[arg-type]  # eight at most
    for path, bucket in TIES.items():
        name = addresses.datasets_bucket if bucket == "datasets" else addresses.models_bucket
        wanted = f"s3://{name}{path}/"
        tied = {a["FileSystemPath"]: (a["DataRepositoryPath"], a["Lifecycle"]) for a in found}
        yield _tie(f"{what}, {path}", wanted, tied.get(path))


def _tie(what: str, wanted: str, tied: tuple[str, str] | None) -> Finding:
    section = "docs/operations.md, section The file system."
    if tied is None:
        return missing(what, f"is not associated with {wanted}", f"Make the association; {section}")
    repository, state = tied
    if repository.rstrip("/") != wanted.rstrip("/"):
        return missing(what, f"is associated with {repository}, not {wanted}", f"Make it anew; {section}")
    return expect(what, f"the association with {repository}", (state, "AVAILABLE"), f"Mend it in FSx; {section}")
