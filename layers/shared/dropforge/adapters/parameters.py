"""SSM parameters: what the platform team has set up, as JSON documents. Raises InvalidInput (RecordUnreadable) for one that is wrong."""

from typing import TypeVar

from botocore.exceptions import ClientError
from pydantic import BaseModel, ValidationError

from dropforge import naming
from dropforge.adapters import aws, settings
from dropforge.domain.clusters import Cluster, Image, Project
from dropforge.domain.values import explain
from dropforge.errors import InvalidInput, NotFound

Record = TypeVar("Record", bound=BaseModel)


def project(name: str) -> Project:
    """Return a project. Raises NotFound (ProjectNotOnboarded)."""
    found = find_project(name)
    if found is None:
        raise NotFound("ProjectNotOnboarded", f"No project is called `{name}`.", {"project": name})
    return found


def find_project(name: str) -> Project | None:
    """Return a project, or None when nobody has onboarded it."""
    return _read("projects", name, Project)


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
    found = _read("clusters", name, Cluster)
    if found is None:
        raise NotFound("ClusterUnknown", f"No cluster is called `{name}`.", {"cluster": name})
    return found


def image(name: str) -> Image:
    """Return an image by digest. Raises NotFound (ImageUnknown)."""
    found = _read("images", name, Image)
    if found is None:
        raise NotFound("ImageUnknown", f"No image is called `{name}`.", {"image": name})
    return found


def _read(nouns: str, name: str, kind: type[Record]) -> Record | None:
    parameter = naming.parameter(settings.environment(), nouns, name, "spec")
    try:
        return kind.model_validate_json(aws.ssm().get_parameter(Name=parameter)["Parameter"].get("Value", ""))
    except ValidationError as error:
        why = f"The parameter `{parameter}` is wrong: {explain(error)}."
        raise InvalidInput("RecordUnreadable", why, {"parameter": parameter}) from error
    except ClientError as error:
        if aws.code_of(error) == "ParameterNotFound":
            return None
        raise
