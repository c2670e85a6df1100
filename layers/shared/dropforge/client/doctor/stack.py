"""The stack: whether it stands, who hears of trouble, and whether there is any."""

from collections.abc import Iterator
from functools import partial

from botocore.exceptions import ClientError

from dropforge.client.addresses import Addresses
from dropforge.client.doctor.findings import Finding, absent, ask, look, missing, ok

STANDS = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


def examine(addresses: Addresses) -> Iterator[Finding]:
    """Yield what is known of the stack `dropforge-<environment>`."""
    name = f"dropforge-{addresses.environment}"
    outputs: dict[str, str] = {}
    yield from ask(f"stack {name}", partial(_stack, addresses, name, outputs))
    if outputs:
        yield from ask("dead letters", partial(_dead_letters, addresses, outputs["DeadLetters"]))
        yield from ask("notices", partial(_notices, addresses, outputs["Notices"]))
        yield from ask("alarms", partial(_alarms, addresses, name))


def _stack(addresses: Addresses, name: str, outputs: dict[str, str]) -> Iterator[Finding]:
    deploy = "Deploy it: `make build`, then `sam deploy` (docs/operations.md, section Deploying)."
    try:
        (found,) = addresses.session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if absent(error, "ValidationError"):  # CloudFormation's word for a stack that does not exist
            yield missing(f"stack {name}", "is not there", deploy)
        return
    if found["StackStatus"] not in STANDS:
        yield missing(
            f"stack {name}", f"is {found['StackStatus']}", "Read its events in CloudFormation, then deploy again."
        )
        return
    outputs |= {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    yield ok(f"stack {name}", found["StackStatus"])


def _dead_letters(addresses: Addresses, url: str) -> Iterator[Finding]:
    attributes = addresses.session.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    count = int(attributes["ApproximateNumberOfMessages"])
    if count:
        yield look(
            "dead letters", f"{count:,} wait", "The sweep hands them back; docs/operations.md, section Dead letters."
        )
    else:
        yield ok("dead letters", "none")


def _notices(addresses: Addresses, topic: str) -> Iterator[Finding]:
    subscribed = addresses.session.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    confirmed = [one for one in subscribed if one["SubscriptionArn"].startswith("arn:")]
    if confirmed:
        yield ok("notices", f"{len(confirmed)} subscribed")
    else:
        to_do = "Give `NotifyEmail` and confirm its mail, or subscribe a chat to the topic."
        yield look("notices", "nobody hears of failures and alarms", to_do)


def _alarms(addresses: Addresses, name: str) -> Iterator[Finding]:
    alarms = addresses.session.client("cloudwatch").describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]
    ringing = sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM")
    if ringing:
        yield look(
            "alarms", f"ringing: {', '.join(ringing)}", "docs/operations.md, section Alarms, says what each means."
        )
    else:
        yield ok("alarms", f"{len(alarms)} quiet")
