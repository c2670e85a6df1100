"""Saying yes or no to a model, with what there is to approve in front of one."""

from typing import Annotated

import typer
from dropforge.client import Client
from dropforge.domain.approvals import Approval
from dropforge.domain.journeys import Journey

from cli.output import Json, Reference, console, say


def approve(
    reference: Reference,
    reject: Annotated[bool, typer.Option("--reject", help="Say no.")] = False,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the model and on the run's timeline.")] = "",
    shown: Annotated[str, typer.Option(help="The digest that you have seen; asks no question.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Ask no question.")] = False,
    as_json: Json = False,
) -> None:
    """Approve a run's model, or reject it. What you approve is what you are shown: had it changed, your yes would be void."""
    if as_json and not (yes or shown or reject):
        raise typer.BadParameter(
            "Where nobody is asked, say what you have seen: --shown DIGEST, or --yes for whatever is there."
        )
    client = Client()
    journey = client.describe(reference)
    seen = shown or (journey.approval.shown if journey.approval is not None else "")
    if journey.approval is not None and not as_json:
        _show(journey, journey.approval)
        if journey.approval.status == "pending" and not (yes or shown):
            typer.confirm("Reject it?" if reject else "Approve it?", abort=True)
    decided = client.approve(reference, seen, reason, reject=reject)
    if as_json:
        console.print_json(decided.model_dump_json())
    else:
        say(f"{decided.model.arn} is {decided.status}")


def _show(journey: Journey, approval: Approval) -> None:
    model = approval.model
    say(
        f"run {approval.run_id}, attempt {approval.attempt}, of {journey.run.dataset_id if journey.run else approval.dataset}"
    )
    say(f"  model:      {model.arn}")
    say(f"  files:      {model.uri}")
    say(f"  base:       {model.base_model}")
    say(f"  loss:       {model.loss_before} before, {model.loss_after} after training")
    for entry in journey.timeline:
        if entry.what == "ModelEvaluated":
            say(f"  gate:       {'passed' if entry.details.get('passed') else 'not passed'}")
    say(f"  passport:   {model.passport}")
    say(f"  shown:      {approval.shown}")
    say(f"  open until: {approval.expires_at}; where it came from: dropforge lineage {approval.run_id}")
