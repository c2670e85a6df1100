"""Turn an object that arrived, a schedule or a retry into an execution: the only function that starts them."""

from dropforge.adapters import starts
from dropforge.domain.starts import Retrain, StartAgain
from dropforge.domain.uploads import ObjectCreated, Receipt
from dropforge.task import task


@task
def handler(event: ObjectCreated | StartAgain | Retrain) -> Receipt:
    match event:
        case ObjectCreated():
            return starts.by_object(event)
        case StartAgain():
            return starts.again(event)
        case Retrain():
            return starts.by_schedule(event)
