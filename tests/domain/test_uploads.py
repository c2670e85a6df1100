"""Keys of the datasets bucket: which are drops, which are not for us, which cannot be."""

import pytest
from dropforge.domain.uploads import Drop, Location, ObjectCreated, Upload, locate
from dropforge.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import upload

NAME = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,6}){0,3}", fullmatch=True).filter(lambda name: len(name) <= 30)


@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz"])
def test_one_file_directly_in_a_dataset_is_complete_by_itself(name: str) -> None:
    location = locate(f"datasets/zoo/birds/{name}")
    assert location is not None
    assert (location.project, location.dataset, location.role) == ("zoo", "birds", "file")


def test_a_manifest_in_an_upload_folder_completes_it() -> None:
    location = locate("datasets/zoo/birds/2026-01-02/manifest.json")
    assert location is not None
    assert (location.project, location.dataset, location.role) == ("zoo", "birds", "manifest")


@pytest.mark.parametrize(
    "key",
    [
        "datasets/zoo/birds/report.json",
        "datasets/zoo/birds/up/report.json",
        "datasets/zoo/run.yaml",
        "datasets/zoo/birds/",
        "datasets/zoo/birds/up/train.jsonl",
        "datasets/zoo/birds/up/part-1/rows.jsonl",
        "datasets/zoo/birds/.dropforge/0123456789abcdef/files.json",
        "datasets/zoo/birds/.dropforge/0123456789abcdef/ranges/0.json",
        "datasets/zoo/birds/.dropforge/manifest.json",
        "models/zoo/birds/train.jsonl",
    ],
)
def test_reports_defaults_folders_parts_and_other_prefixes_are_not_for_us(key: str) -> None:
    assert locate(key) is None


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("datasets/train.jsonl", "`train.jsonl` is not a name"),
        ("datasets/zoo/train.jsonl", "`train.jsonl` is not a name"),
        ("datasets/zoo/birds/rows.csv", "`rows.csv` is not train.jsonl"),
        ("datasets/Zoo/birds/train.jsonl", "`Zoo` is not a name"),
        ("datasets/zoo/my+birds/train.jsonl", "`my+birds` is not a name"),
        ("datasets/zoo/birds--two/train.jsonl", "`birds--two` is not a name"),
        ("datasets//birds/train.jsonl", "`` is not a name"),
        ("datasets/zoo\n/birds/train.jsonl", "`zoo\n` is not a name"),
        (f"datasets/zoo/{'b' * 31}/train.jsonl", "is not a name"),
    ],
)
def test_a_key_that_no_dataset_can_have_is_refused_and_says_which_part(key: str, why: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        locate(key)
    assert raised.value.failure.code == "WrongKeyLayout"
    assert why in raised.value.failure.why


@given(project=NAME, dataset=NAME, name=st.sampled_from(["train.jsonl", "train.jsonl.gz"]))
def test_every_pair_of_names_has_its_place(project: str, dataset: str, name: str) -> None:
    location = locate(f"datasets/{project}/{dataset}/{name}")
    assert location is not None
    assert (location.project, location.dataset) == (project, dataset)


def place_or_code(key: str) -> Location | str | None:
    try:
        return locate(key)
    except InvalidInput as problem:
        return problem.failure.code


@given(tail=st.text(max_size=60) | st.lists(st.sampled_from(["zoo", "Zoo", "", "\n", "train.jsonl"])).map("/".join))
def test_any_key_is_placed_ignored_or_refused_with_a_code(tail: str) -> None:
    found = place_or_code("datasets/" + tail)
    if isinstance(found, Location):
        assert tail.startswith(f"{found.project}/{found.dataset}/")
    else:
        assert found in (None, "WrongKeyLayout")


def test_an_upload_is_one_version_of_one_object() -> None:
    ids = {upload().id, upload(version_id="v2").id, upload(key="datasets/zoo/owls/train.jsonl").id}
    assert len(ids) == 3
    assert upload().id == upload().id
    assert all(len(one) == 16 for one in ids)


def test_an_upload_is_read_from_the_event_with_its_key_as_it_is() -> None:
    created = ObjectCreated.model_validate(
        {"detail": {"bucket": {"name": "b"}, "object": {"key": "a+b%20c", "version-id": "v", "size": 3}}}
    )
    assert created.upload == Upload(bucket="b", key="a+b%20c", version_id="v")


def test_a_drop_needs_no_run_request() -> None:
    assert Drop.model_validate({"upload": upload().model_dump()}).run == {}
