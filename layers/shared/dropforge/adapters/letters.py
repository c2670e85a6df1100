"""Draining the dead letters: each goes back to the function it was meant for, three times at most; then it is kept and told.

The count is written before the letter is sent, and the message deleted after: a sweep that dies in between sends it once more, and never loses it.
"""

from collections.abc import Iterator

from dropforge import naming
from dropforge.adapters import aws, bus, clock, marks, settings
from dropforge.adapters.each import each
from dropforge.domain.events import DriftFound
from dropforge.domain.letters import TRIES, Letter, Tries, read

ROUNDS = 10  # of ten messages: what one sweep hands back at most
TICKING = ("watch_jobs", "sweep")  # their next tick comes by itself


def drain() -> int:
    """Hand back what lies in the queue and return how many letters were sent again."""
    return sum(each(_messages(), _work_off))


def _work_off(message: tuple[Letter, str]) -> int:
    letter, handle = message
    sent = _hand_back(letter)
    aws.sqs().delete_message(QueueUrl=settings.dead_letters(), ReceiptHandle=handle)
    return sent


def _messages() -> Iterator[tuple[Letter, str]]:
    for _ in range(ROUNDS):
        answer = aws.sqs().receive_message(
            QueueUrl=settings.dead_letters(),
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=120,
        )
        for message in answer.get("Messages", []):
            texts = {name: found.get("StringValue", "") for name, found in message.get("MessageAttributes", {}).items()}
            yield read(message["Body"], texts), message["ReceiptHandle"]
        if not answer.get("Messages"):
            return


def _hand_back(letter: Letter) -> int:
    if letter.function in {naming.function(settings.environment(), name) for name in TICKING}:
        return 0
    before = marks.tries_of(letter.id)
    count = before.count + 1 if before else 1
    marks.record_tries(Tries(letter=letter, count=count, at=clock.stamp()))
    if count > TRIES or letter.kind == "unknown":
        _give_up(letter, count)
        return 0
    _send(letter)
    return 1


def _send(letter: Letter) -> None:
    if letter.kind == "function":
        payload = letter.payload.encode()
        aws.functions().invoke(FunctionName=letter.target, InvocationType="Event", Payload=payload)
    else:
        aws.sns().publish(TopicArn=letter.target, Message=letter.payload)


def _give_up(letter: Letter, count: int) -> None:
    did = f"kept as row LETTER#{letter.id} of the ledger after {count - 1} tries"
    bus.announce(DriftFound(project="", what="an event that nobody could work on", name=letter.target, did=did))
