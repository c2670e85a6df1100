"""SSM parameters: what the platform team has set up, as JSON documents."""

from botocore.exceptions import ClientError

from dropforge import naming
from dropforge.adapters import aws, settings
from dropforge.domain.clusters import Cluster, Image, Project
from dropforge.errors import NotFound


def project(name: str) -> Project:
    """Return a project. Raises NotFound (ProjectNotOnboarded)."""
    text = _read("projects", name, "spec")
    if text is None:
        raise NotFound("ProjectNotOnboarded", f"No project is called `{name}`.", {"project": name})
    return Project.model_validate_json(text)


def cluster(name: str) -> Cluster:
    """Return a cluster. Raises NotFound (ClusterUnknown)."""
    text = _read("clusters", name, "spec")
    if text is None:
        raise NotFound("ClusterUnknown", f"No cluster is called `{name}`.", {"cluster": name})
    return Cluster.model_validate_json(text)


def image(name: str) -> Image:
    """Return an image by digest. Raises NotFound (ImageUnknown)."""
    text = _read("images", name, "spec")
    if text is None:
        raise NotFound("ImageUnknown", f"No image is called `{name}`.", {"image": name})
    return Image.model_validate_json(text)


def _read(nouns: str, name: str, attribute: str) -> str | None:
    parameter = naming.parameter(settings.environment(), nouns, name, attribute)
    try:
        return aws.ssm().get_parameter(Name=parameter)["Parameter"].get("Value")
    except ClientError as error:
        if aws.code_of(error) == "ParameterNotFound":
            return None
        raise
