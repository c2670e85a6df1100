"""Commands about models: which there are, what one came from, which came of something, and taking back what was made of bad data."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from dropforge.client import Client
from dropforge.domain.passports import Passport
from dropforge.domain.recalls import Recalled
from dropforge.domain.traces import ModelLine, Trace

from cli import show_models
from cli.output import Json, console, errors, say


def models(
    project: Annotated[str, typer.Option(help="One project; by default all of yours.")] = "",
    dataset: Annotated[str, typer.Option(help="One dataset.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List registered models, the newest first, with their approval as it is now."""
    found = Client().models(project, dataset, limit)
    if as_json:
        console.print_json(data=[line.model_dump(mode="json") for line in found])
    elif found:
        console.print(show_models.table(found, datetime.now(UTC)))
    else:
        errors.print("no models yet, or none that fit", highlight=False, soft_wrap=True)


def lineage(
    model: Annotated[str, typer.Argument(help="A model's ARN, its group/version, or the run that made it.")] = "",
    of: Annotated[str, typer.Option("--of", help="An object (s3://...), a dataset (project/name) or a run.")] = "",
    as_json: Json = False,
) -> None:
    """Say what a model came from; with --of, which models learned from something."""
    if bool(model) == bool(of):
        raise typer.BadParameter("give either a MODEL, to see what it came from, or --of, to see what came of it.")
    trace = Client().lineage(model) if model else Client().descendants(of)
    if as_json:
        console.print_json(trace.model_dump_json())
    elif trace.passport is not None:
        _print_origin(trace, trace.passport)
    else:
        _print_descendants(trace)


def _print_origin(trace: Trace, passport: Passport) -> None:
    (found,) = trace.models
    data, plan, training, held = passport.dataset, passport.plan, passport.training, passport.checkpoint
    say(f"{found.arn} ({_state(found)})")
    _link("passport", trace.passport_uri, passport.digest)
    _link("checkpoint", held.uri, held.digest)
    _link("run", f"{passport.run_id}, attempt {passport.attempt}", plan.identity)
    _link("plan", ", ".join(f"{name} {value}" for name, value in plan.parameters.items()), plan.digest)
    _link("recipe", training.recipe, training.recipe_digest)
    _link("image", training.image.partition("@")[0], training.image.rpartition("sha256:")[2])
    _link("dataset", f"{data.id}, {data.rows:,} rows", data.digest)
    _link("upload", f"s3://{data.upload.bucket}/{data.upload.key}", data.upload.version_id)
    _link("objects", f"s3://{data.listing.bucket}/{data.listing.key}", data.listing.sha256)
    _link("code", f"dropforge {passport.code.version}", passport.code.digest)
    evaluation = passport.verdict.evaluation if passport.verdict is not None else None
    if evaluation is not None:
        measured = evaluation.of("candidate")
        numbers = measured.numbers if measured else {}
        _link(
            "evaluation", ", ".join(f"{name} {value:.4g}" for name, value in numbers.items()), evaluation.report_sha256
        )


def _link(noun: str, name: str, digest: str) -> None:
    say(f"  {noun + ':':12} {name}")
    say(f"  {'':12} {digest}")


def _print_descendants(trace: Trace) -> None:
    say(f"{trace.subject} is {', '.join(trace.datasets)}")
    for found in trace.models:
        say(f"  {found.arn} ({_state(found)})")
    for run_id in trace.running:
        say(f"  run {run_id} learns from it now")
    if not trace.models:
        say("  no model has learned from it")


def _state(found: ModelLine) -> str:
    return f"{found.approval}, recalled since {found.recalled}" if found.recalled else found.approval


def recall(
    subject: Annotated[
        str, typer.Argument(help="A dataset (project/name or project/name/version), an object (s3://...) or a run.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the recall and on every model's timeline.")],
    lift: Annotated[bool, typer.Option("--lift", help="The recall was a mistake: undo it.")] = False,
    as_json: Json = False,
) -> None:
    """Forbid models of a dataset: those that are there are rejected, and no new one is registered until it is lifted."""
    found = Client().recall(subject, reason, lift=lift)
    if as_json:
        console.print_json(found.model_dump_json())
    else:
        _print_recalled(found)


def _print_recalled(found: Recalled) -> None:
    say(f"{'no longer recalled' if found.lifted else 'recalled'}: {', '.join(found.datasets)}")
    for model in found.models:
        kept = "; somebody has decided since, which stays" if model.kept else ""
        say(f"  {model.arn} is {model.approval}{kept}")
    if not found.models:
        say("  no model has learned from it")
    for run_id in () if found.lifted else found.running:
        say(f"  run {run_id} learns from it now and will not be registered; stop it: dropforge cancel {run_id}")
