"""Commands that look ahead: what a run would do, and what would be sent to a cluster for it."""

from pathlib import Path
from typing import Annotated

import typer
import yaml
from dropforge.adapters import recipes  # files beside the code, as the functions read them; nothing of AWS
from dropforge.client import Client, Refused, wishes
from dropforge.domain import manifests
from dropforge.domain.manifests import Manifest, Site
from dropforge.domain.recipes import Recipe
from dropforge.domain.requests import read_request
from dropforge.domain.uploads import RunBlock
from dropforge.domain.values import explain
from dropforge.errors import Problem
from pydantic import ValidationError

from cli import show_plan
from cli.acting import read_request as read_file
from cli.output import Json, console

Run = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A run request (run.yaml).")]


def plan(
    dataset: Annotated[str, typer.Argument(help="A file or folder; or an upload, as its S3 URI or project/dataset.")],
    project: Annotated[str, typer.Option(help="The project that would own a file or folder.")] = "",
    name: Annotated[str, typer.Option("--dataset", help="What it would be called; by default as it is.")] = "",
    run: Run = None,
    as_json: Json = False,
) -> None:
    """Say what a run would do, cost and wait for; nothing is made. Exits with 1 when it could never work."""
    _require_meaning(dataset, project)
    found = Client().plan(dataset, project, name, read_file(run))
    if as_json:
        console.print_json(found.model_dump_json())
    else:
        show_plan.print_preview(console, found)
    if not found.works:
        raise typer.Exit(1)


def _require_meaning(dataset: str, project: str) -> None:
    """Refuse what means nothing as wrong usage, before anybody is asked."""
    if wishes.is_local(dataset):
        if not project:
            raise typer.BadParameter(f"{dataset} is here: say whose it would be, with --project NAME.")
    elif not wishes.URI.match(dataset) and not wishes.NAME.match(dataset):
        raise typer.BadParameter(f"{dataset} is no file here, no S3 URI below datasets/, and no project/dataset.")


def render(
    recipe: Annotated[str, typer.Option(help="A recipe by its name, or a recipe's file.")],
    run: Run = None,
    facts: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help=f"A fact of the site: {', '.join(Site.model_fields)}."),
    ] = None,
) -> None:
    """Print the Kubernetes manifests of a recipe as YAML; asks nobody. What --set does not say has a stand-in."""
    try:
        site, found = _site(facts or []), _recipe(recipe)
        request = read_request({}, {**_own(read_file(run), found), "recipe": found.name})
        _print(found, site, manifests.sketch(found, request, site))
    except Problem as problem:
        raise Refused(problem.failure) from problem


def _site(pairs: list[str]) -> Site:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise typer.BadParameter(f"--set {wrong[0]}: write it as KEY=VALUE.")
    try:
        return Site.model_validate(dict(pair.split("=", 1) for pair in pairs))
    except ValidationError as error:
        raise typer.BadParameter(f"--set {explain(error)} Known: {', '.join(Site.model_fields)}.") from error


def _recipe(text: str) -> Recipe:
    path = Path(text)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise typer.BadParameter(f"{text}: there is no such file.")
        return recipes.parse(path.stem, path.read_text(encoding="utf-8"))
    return recipes.read(text)


def _own(request: RunBlock, recipe: Recipe) -> RunBlock:
    """Return a request without the parameters that it has for another recipe."""
    other = request.get("recipe", recipe.name) != recipe.name
    return {key: value for key, value in request.items() if not (other and key == "parameters")}


def _print(recipe: Recipe, site: Site, drawn: tuple[Manifest, ...]) -> None:
    """Print plainly: another program reads it."""
    print(f"# recipe {recipe.name}: {len(drawn)} jobs, one after another; sha256 of them all {manifests.sha256(drawn)}")
    for name in site.stand_ins:
        print(f"# stand-in: --set {name}={getattr(site, name)}")
    print("# stand-ins until a dataset is uploaded: UPLOAD, and the SHA-256 of its listing")
    print(yaml.safe_dump_all(drawn, explicit_start=True, sort_keys=True, width=120), end="")
