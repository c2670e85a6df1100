"""The `dropforge` command: the commands by what they are for, and the one place where a no becomes words and an exit code."""

import sys
from contextlib import suppress

import typer
from dropforge.client import Client, Refused

from cli import acting, approving, doctor, looking, offline, planning, reporting, show, tracing, verifying
from cli.local import local
from cli.output import errors

app = typer.Typer(
    no_args_is_help=True, help="Drop a dataset in S3, get a registered model.", pretty_exceptions_enable=False
)
for _panel, _commands in (
    ("Before a run", (offline.check, planning.plan, planning.render)),
    ("Checkpoints", (verifying.verify,)),
    (
        "Runs",
        (
            acting.drop,
            looking.runs,
            looking.status,
            looking.explain,
            looking.logs,
            reporting.report,
            acting.cancel,
            acting.retry,
        ),
    ),
    ("Models", (approving.approve, tracing.models, tracing.lineage, tracing.recall)),
):
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.command(rich_help_panel="Platform")(doctor.doctor)
app.add_typer(local, name="local", help="The embedded cloud: no AWS account, no Docker.", rich_help_panel="Try it")


def main() -> None:
    """Run the command; a mistake of the user's ends in its own words, never in a stack trace."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  slow to import

    try:
        app()
    except Refused as refused:
        if "--json" in sys.argv:
            print(refused.failure.model_dump_json())  # on one line, since it may come after lines
        show.print_failure(errors, refused.failure)
        if refused.failure.code == "RunNotFound":
            _suggest(str(refused.failure.evidence.get("reference", "")))
        sys.exit(1)
    except (BotoCoreError, ClientError) as error:
        errors.print(f"AWS: {error}", highlight=False, soft_wrap=True, markup=False)
        advice = "check AWS_ENDPOINT_URL (is `dropforge local up` running?), the region, the credentials and DROPFORGE_ENVIRONMENT"
        errors.print(f"  what to do:  {advice}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _suggest(reference: str) -> None:
    """Name the runs that may have been meant, when they can be listed."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  slow to import

    with suppress(Refused, BotoCoreError, ClientError):
        similar = Client().similar(reference)
        if similar:
            errors.print(f"  did you mean: {', '.join(similar)}", highlight=False, soft_wrap=True, markup=False)
