"""VerifyCheckpoint: what lies in the models bucket is opened there, by ranges."""

from collections.abc import Callable

import pytest
from dropforge.adapters import aws, ledger
from dropforge.domain.checkpoint_shapes.seal import MANIFEST, MARKER
from dropforge.errors import WorkloadFailed

from tests.builders import run
from tests.contracts.repository import Document
from tests.domain.test_promotions import ADAPTER, Folder, adapter
from tests.functions.conftest import MODELS, Call
from tests.functions.promoted import place, promote, to_verify


def marked(folder: Folder) -> bool:
    listed = aws.s3().list_objects_v2(Bucket=MODELS, Prefix=place(run(), folder) + MARKER)
    return listed["KeyCount"] == 1


def test_a_whole_checkpoint_is_verified_where_it_lies_and_announced(
    call: Call, announced: Callable[[], list[tuple[str, Document]]]
) -> None:
    folder = promote(adapter(), run())
    found = call("verify_checkpoint", to_verify(run(), folder.digest))
    ((kind, detail),) = announced()
    assert (found["uri"], found["digest"], found["tensors"]) == (
        f"s3://{MODELS}/{place(run(), folder)}",
        folder.digest,
        2,
    )
    verified = ledger.verified(run().id)
    assert verified is not None
    assert (kind, detail["digest"], detail["uri"]) == ("CheckpointVerified", found["digest"], found["uri"])
    assert (verified.attempt, verified.checkpoint.model_dump(mode="json")) == (run().attempt, found)


def test_another_checkpoint_than_the_verify_job_read_is_refused(call: Call) -> None:
    folder = promote(adapter(), run())
    key = place(run(), folder) + MANIFEST
    aws.s3().put_object(Bucket=MODELS, Key=key, Body=folder.files[MANIFEST] + b" ")
    with pytest.raises(WorkloadFailed, match=f"the verify job read {folder.digest[:12]}"):
        call("verify_checkpoint", to_verify(run(), folder.digest))


def test_a_file_that_was_not_promoted_is_named_and_nothing_is_announced(
    call: Call, announced: Callable[[], list[tuple[str, Document]]]
) -> None:
    folder = promote(adapter(), run())
    aws.s3().delete_object(Bucket=MODELS, Key=place(run(), folder) + ADAPTER)
    with pytest.raises(WorkloadFailed) as raised:
        call("verify_checkpoint", to_verify(run(), folder.digest))
    assert raised.value.failure.evidence == {"file": ADAPTER}
    assert announced() == []
    assert not marked(folder)


def test_the_marker_is_written_last_and_a_second_time_nothing_differs(call: Call) -> None:
    folder = promote(adapter(), run())
    assert not marked(folder)
    found = call("verify_checkpoint", to_verify(run(), folder.digest))
    assert marked(folder)
    assert call("verify_checkpoint", to_verify(run(), folder.digest)) == found


@pytest.mark.parametrize("told", [None, "../other", "0" * 63, 7])
def test_a_run_whose_jobs_reported_no_hash_of_a_model_is_refused(call: Call, told: object) -> None:
    asked = to_verify(run(), "0" * 64)
    asked["jobs"][0]["message"] = {} if told is None else {"manifest_sha256": told}
    with pytest.raises(WorkloadFailed, match="No job of the run reported the hash") as raised:
        call("verify_checkpoint", asked)
    assert raised.value.failure.code == "CheckpointRejected"
