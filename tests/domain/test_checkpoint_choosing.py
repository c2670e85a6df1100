"""Many checkpoints in one folder: the newest good one of one run, and none where runs cannot be told apart."""

import pytest
from dropforge.errors import InvalidInput

from tests.domain.checkpoint_corpus import Files, adapter, below, bridge, model, nemo, opened, sharded


def at(steps: dict[str, Files]) -> Files:
    return {path: content for place, files in steps.items() for path, content in below(place, files).items()}


def broken(files: Files) -> Files:
    path = next(path for path in files if path.endswith(".safetensors"))
    return {**files, path: files[path][:-1]}


@pytest.mark.parametrize(
    ("places", "newest", "step"),
    [
        (["checkpoint-20/", "checkpoint-100/", "checkpoint-40/"], "checkpoint-100/", 100),
        (["out/global_step_9/", "out/global_step_10/"], "out/global_step_10/", 10),
        (["epoch_1_step_20/", "epoch_0_step_40/"], "epoch_0_step_40/", 40),
        (["checkpoint-20/", "final/"], "final/", None),
        (["run-7/checkpoint-20/", "run-7/checkpoint-30/"], "run-7/checkpoint-30/", 30),
    ],
)
def test_the_newest_is_taken(places: list[str], newest: str, step: int | None) -> None:
    found = opened(at({place: adapter() for place in places}))
    assert (found.path, found.step, found.passed_over) == (newest, step, ())


def test_a_newer_one_that_is_damaged_is_passed_over_and_said() -> None:
    found = opened(at({"checkpoint-20/": adapter(), "checkpoint-40/": broken(adapter())}))
    assert found.path == "checkpoint-20/"
    (over,) = found.passed_over
    assert (over.path, over.file) == ("checkpoint-40/", "checkpoint-40/adapter_model.safetensors")


def test_where_none_is_good_the_newest_says_why_and_the_others_follow() -> None:
    with pytest.raises(InvalidInput) as raised:
        opened(at({"checkpoint-20/": broken(adapter()), "checkpoint-40/": broken(adapter())}))
    failure = raised.value.failure
    assert failure.evidence["file"] == "checkpoint-40/adapter_model.safetensors"
    assert [line.split(":")[0] for line in failure.evidence["older ones"] or []] == ["checkpoint-20/"]  # type: ignore[union-attr]


def test_a_folder_that_is_a_checkpoint_is_judged_alone() -> None:
    found = opened({**model(), **below("checkpoint-20/", model())})
    assert (found.path, found.step) == ("", None)
    with pytest.raises(InvalidInput, match=r"model\.safetensors"):
        opened({**broken(model()), **below("checkpoint-20/", model())})


@pytest.mark.parametrize(
    "places",
    [
        ["a/checkpoint-20/", "b/checkpoint-40/"],
        ["run-1/model/", "run-2/model/"],
        ["llama--step=9-last/", "qwen--step=19-last/"],
    ],
)
def test_checkpoints_of_two_runs_are_not_chosen_from(places: list[str]) -> None:
    with pytest.raises(InvalidInput) as raised:
        opened(at({place: adapter() for place in places}))
    assert raised.value.failure.code == "CheckpointsMixed"
    assert raised.value.failure.evidence["places"] == places


@pytest.mark.parametrize("other", [adapter(4), adapter(base="acme/other")])
def test_an_intermediate_of_another_run_in_the_same_folder_is_found_by_its_base_and_rank(other: Files) -> None:
    with pytest.raises(InvalidInput) as raised:
        opened(at({"checkpoint-20/": adapter(), "checkpoint-40/": other}))
    assert raised.value.failure.code == "CheckpointsMixed"


def test_of_an_adapter_and_its_merged_model_the_model_is_taken() -> None:
    found = opened(at({"model/checkpoints/hf/": adapter(), "model/checkpoints/hf_merged/": sharded()}))
    assert (found.path, found.shape) == ("model/checkpoints/hf_merged/", "llmft")


def test_a_damaged_merged_model_leaves_the_adapter() -> None:
    found = opened(at({"out/hf/": adapter(), "out/hf_merged/": broken(sharded())}))
    assert (found.path, found.passed_over[0].path) == ("out/hf/", "out/hf_merged/")


def test_an_unfinished_neighbour_does_not_spoil_a_finished_one() -> None:
    files = at({"m--step=9/": nemo(), "m--step=19/": nemo()}) | {"m--step=19-unfinished": b""}
    found = opened(files)
    assert (found.path, found.step, found.passed_over[0].file) == ("m--step=9/", 9, "m--step=19-unfinished")


def test_an_iteration_newer_than_the_tracker_is_passed_over() -> None:
    newer = {path.replace("0040", "0060"): content for path, content in bridge().items() if path.startswith("iter")}
    found = opened({**bridge(), **newer})
    assert (found.step, found.passed_over[0].path) == (40, "iter_0000060/")
