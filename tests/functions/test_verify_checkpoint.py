"""VerifyCheckpoint: what lies in the models bucket is opened there, by ranges."""

from collections.abc import Callable

import pytest
from dropforge.adapters import aws, ledger
from dropforge.domain.plans import model_folder
from dropforge.errors import WorkloadFailed

from tests.builders import run
from tests.contracts.repository import Document
from tests.domain.test_checkpoints import ADAPTER, adapter
from tests.functions.conftest import MODELS, Call
from tests.functions.promoted import promote, to_verify

PREFIX = model_folder(run().project, run().id, run().attempt) + "/"


def test_a_whole_checkpoint_is_verified_where_it_lies_and_announced(
    call: Call, announced: Callable[[], list[tuple[str, Document]]]
) -> None:
    folder = promote(adapter(), run())
    found = call("verify_checkpoint", to_verify(run(), folder.digest))
    ((kind, detail),) = announced()
    assert (found["uri"], found["digest"], found["tensors"]) == (f"s3://{MODELS}/{PREFIX}", folder.digest, 2)
    verified = ledger.verified(run().id)
    assert verified is not None
    assert (kind, detail["digest"], detail["uri"]) == ("CheckpointVerified", found["digest"], found["uri"])
    assert (verified.attempt, verified.checkpoint.model_dump(mode="json")) == (run().attempt, found)


def test_another_checkpoint_than_the_verify_job_read_is_refused(call: Call) -> None:
    promote(adapter(), run())
    with pytest.raises(WorkloadFailed, match="the verify job read 000000000000"):
        call("verify_checkpoint", to_verify(run(), "0" * 64))


def test_a_file_that_was_not_promoted_is_named_and_nothing_is_announced(
    call: Call, announced: Callable[[], list[tuple[str, Document]]]
) -> None:
    folder = promote(adapter(), run())
    aws.s3().delete_object(Bucket=MODELS, Key=PREFIX + ADAPTER)
    with pytest.raises(WorkloadFailed) as raised:
        call("verify_checkpoint", to_verify(run(), folder.digest))
    assert raised.value.failure.evidence == {"file": ADAPTER}
    assert announced() == []
