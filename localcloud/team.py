"""Makes what a team has on a local cluster, as a platform team makes it on EKS: the same objects, applied through the same API."""

from dropforge import naming
from dropforge.domain import onboarding
from dropforge.domain.onboarding import FileSystem, Quota, Team

from localcloud.kubernetes.cluster import LocalCluster

INSTANCE_TYPE, SMALL = "local.cpu", "local.small"
FILE_SYSTEM = FileSystem(id="fs-local", dns_name="localhost", mount_name="fsx", gibibytes=1200)


def prepare_team(
    cluster: LocalCluster, team: str, cpu: str = "2", memory: str = "4Gi", file_system: FileSystem = FILE_SYSTEM
) -> None:
    """Make a team's objects; `cpu` and `memory` are its quota. A second time changes nothing."""
    quota = Quota(instance_type=INSTANCE_TYPE, resources={"cpu": cpu, "memory": memory})
    small = Quota(instance_type=SMALL, resources={"cpu": "2", "memory": "2Gi"})
    for made in onboarding.team_objects(Team(name=team, quotas=(quota, small), claim="fsx", file_system=file_system)):
        apply(cluster, made)


def apply(cluster: LocalCluster, made: onboarding.Manifest) -> None:
    """Apply one object on the server as the cluster's administrator."""
    cluster.client().call_api(
        _path(made),
        "PATCH",
        header_params={"Content-Type": "application/apply-patch+yaml"},
        query_params=[("fieldManager", naming.MANAGER), ("fieldValidation", "Strict")],
        body=made,
        auth_settings=["BearerToken"],
        _preload_content=False,
    )


def _path(made: onboarding.Manifest) -> str:
    version, kind, metadata = str(made["apiVersion"]), str(made["kind"]).lower(), made["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101  for the type checker: every object has it
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    return f"{root}{place}/{plural}/{metadata['name']}"
