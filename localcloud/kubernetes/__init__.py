"""A small honest Kubernetes: an API server with Kueue, Job controller and kubelet that runs pods as local processes."""

from localcloud.kubernetes.cluster import LocalCluster
from localcloud.kubernetes.images import Image

__all__ = ["Image", "LocalCluster"]
