"""What the platform team has described in parameters: projects, clusters, images. Each must parse, and name what exists."""

from collections.abc import Iterator
from functools import partial
from typing import TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from dropforge.client.addresses import Addresses
from dropforge.client.doctor.findings import Finding, absent, ask, look, missing, ok
from dropforge.domain.clusters import Cluster, Image, Project
from dropforge.domain.values import Value

Described = TypeVar("Described", bound=Value)


def examine(addresses: Addresses, clusters: dict[str, Cluster]) -> Iterator[Finding]:
    """Yield what is known of every project and image; fill `clusters` with those that are described."""
    yield from ask("clusters", lambda: read(addresses, "clusters", Cluster, clusters))
    yield from ask("projects", partial(_projects, addresses, clusters))
    yield from ask("images", partial(_images, addresses))


def read(addresses: Addresses, nouns: str, kind: type[Described], into: dict[str, Described]) -> Iterator[Finding]:
    """Fill `into` with what is described under a noun; yield what cannot be read, or that there is nothing."""
    prefix = f"/dropforge/{addresses.environment}/{nouns}/"
    pages = addresses.ssm.get_paginator("get_parameters_by_path").paginate(Path=prefix, Recursive=True)
    section = f"docs/operations.md, section {nouns.capitalize()}"
    for parameter in (parameter for page in pages for parameter in page["Parameters"]):
        name, _, attribute = parameter["Name"].removeprefix(prefix).partition("/")
        if attribute != "spec":
            continue
        try:
            into[name] = kind.model_validate_json(parameter["Value"])
        except ValidationError as error:
            yield missing(f"{nouns[:-1]} {name}", _fault(error), f"Correct `{parameter['Name']}`; {section}.")
    if not into:
        yield missing(nouns, "none is described", f"Describe one; {section}.")


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"cannot be read: {f'`{place}`: ' if place else ''}{first['msg']}"


def _projects(addresses: Addresses, clusters: dict[str, Cluster]) -> Iterator[Finding]:
    projects: dict[str, Project] = {}
    yield from read(addresses, "projects", Project, projects)
    for name, project in projects.items():
        what = f"project {name}"
        if project.name != name:
            yield missing(what, f"calls itself `{project.name}`", "Its `name` must be the one in the parameter's name.")
        elif project.cluster not in clusters:
            known = ", ".join(sorted(clusters)) or "none"
            yield missing(
                what,
                f"runs on `{project.cluster}`, which is not described (known: {known})",
                "Describe the cluster, or name one that is.",
            )
        elif not project.members:
            yield look(what, "has no members", "Nobody may cancel or retry its runs: list ARNs in `members`.")
        else:
            yield ok(what, f"team {project.team}, cluster {project.cluster}, members: {len(project.members)}")


def _images(addresses: Addresses) -> Iterator[Finding]:
    images: dict[str, Image] = {}
    yield from read(addresses, "images", Image, images)
    for name, image in images.items():
        yield from ask(f"image {name}", partial(_image, addresses, name, image))


def _image(addresses: Addresses, name: str, image: Image) -> Iterator[Finding]:
    what, (repository, _, digest) = f"image {name}", image.uri.partition("@")
    host, _, path = repository.partition("/")
    if not digest:
        yield missing(what, f"`{image.uri}` is named by tag", "Name it by digest: a tag can change under a run.")
    elif ".dkr.ecr." not in host:
        yield look(what, f"lies in {host}, which is not asked", "See that the cluster's nodes may pull it.")
    else:
        yield _in_registry(addresses, what, path, digest)


def _in_registry(addresses: Addresses, what: str, repository: str, digest: str) -> Finding:
    try:
        addresses.session.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageDigest": digest}])
    except ClientError as error:
        if absent(error, "ImageNotFoundException", "RepositoryNotFoundException"):
            return missing(what, f"{repository} holds no {digest[:19]}", "Push it; docs/operations.md, section Images.")
    return ok(what, f"{repository}@{digest[:19]}")
