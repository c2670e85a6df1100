"""SSM parameters: what the platform team has set up, as JSON documents."""

from botocore.exceptions import ClientError
from pydantic import ValidationError

from dropforge import naming
from dropforge.adapters import aws, settings
from dropforge.domain.clusters import Cluster, Image, Project
from dropforge.errors import NotFound


def project(name: str) -> Project:
    """Return a project. Raises NotFound (ProjectNotOnboarded)."""
    found = find_project(name)
    if found is None:
        raise NotFound("ProjectNotOnboarded", f"No project is called `{name}`.", {"project": name})
    return found


def find_project(name: str) -> Project | None:
    """Return a project, or None when nobody has onboarded it."""
    text = _read("projects", name, "spec")
    return Project.model_validate_json(text) if text is not None else None


def projects() -> list[Project]:
    """Return every project. One whose parameter cannot be read is left out: it is nobody's until it is mended."""
    prefix = f"/dropforge/{settings.environment()}/projects/"
    pages = aws.ssm().get_paginator("get_parameters_by_path").paginate(Path=prefix, Recursive=True)
    texts = [found["Value"] for page in pages for found in page["Parameters"] if found["Name"].endswith("/spec")]
    return [project for project in map(_readable, texts) if project is not None]


def _readable(text: str) -> Project | None:
    try:
        return Project.model_validate_json(text)
    except ValidationError:
        return None


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
