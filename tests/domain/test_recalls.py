"""Recalls and traces: how a package is marked, when lifting gives its approval back, and what people mean by the name of data."""

import pytest
from dropforge.domain.recalls import Approval, Recall, Standing, mark, restores
from dropforge.domain.traces import Subject, package_of, read_subject
from dropforge.errors import InvalidInput

RECALL = Recall(project="zoo", content="a" * 64, dataset_id="zoo/birds/1", by="ada", reason="wrong", at="now")
APPROVED = Standing(approval="Approved", description="fine")


def test_a_recall_stands_until_it_is_lifted() -> None:
    assert RECALL.stands
    assert not RECALL.model_copy(update={"lifted_at": "later"}).stands


@pytest.mark.parametrize(
    ("approval", "said", "expected"),
    [
        ("Rejected", "Recalled by ada: wrong", True),
        ("Rejected", "and too slow", False),
        ("Approved", "Recalled by ada: wrong", False),
        ("PendingManualApproval", "", False),
        ("Deleted", "", False),
    ],
)
def test_an_approval_is_given_back_only_where_ours_is_the_last_word(
    approval: Approval, said: str, expected: bool
) -> None:
    mine = mark("arn", "birds-1", RECALL, APPROVED)
    assert restores(mine, Standing(approval=approval, description=said)) is expected


def test_what_was_rejected_before_is_not_ours_to_give_back() -> None:
    mine = mark("arn", "birds-1", RECALL, Standing(approval="Rejected", description="too slow"))
    assert not mine.changed
    assert not restores(mine, Standing(approval="Rejected", description=mine.said))


def test_a_long_reason_fits_the_registry() -> None:
    assert len(mark("a", "r", RECALL.model_copy(update={"reason": "x" * 5000}), APPROVED).said) == 1024


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zoo/birds", Subject("zoo", "birds")),
        ("zoo/birds/0123456789ab", Subject("zoo", "birds", "0123456789ab")),
        ("s3://b/datasets/zoo/birds/u/a b.jsonl", Subject("zoo", "birds", "", "b", "datasets/zoo/birds/u/a b.jsonl")),
        ("s3://b/datasets/zoo/birds/t?versionId=v/1", Subject("zoo", "birds", "v/1", "b", "datasets/zoo/birds/t")),
        ("birds-0123456789ab", Subject(run_id="birds-0123456789ab")),
    ],
)
def test_data_is_named_in_many_ways(text: str, expected: Subject) -> None:
    assert read_subject(text) == expected


@pytest.mark.parametrize("text", ["s3://b/models/x", "s3://b/datasets/zoo/train.jsonl"])
def test_an_object_outside_every_dataset_is_nobodys(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_subject(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/zoo--birds/12", True),
        ("zoo--birds/1", True),
        ("zoo/birds", False),
        ("birds-0123456789ab", False),
    ],
)
def test_a_package_is_told_from_a_run(text: str, expected: bool) -> None:
    assert package_of(text) is expected
