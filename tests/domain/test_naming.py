"""Names that leave the house fit the limits of those who take them."""

import re

from dropforge import naming
from dropforge.domain.datasets import execution_name
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import upload

DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
EXECUTION = re.compile(r"[0-9A-Za-z_-]{1,80}")
TEXT = st.text(max_size=60) | st.from_regex(r"[a-zA-Z0-9 ._-]{0,60}", fullmatch=True)
DIGEST = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
ATTEMPT = st.integers(1, 99)
STEP = st.from_regex(r"[a-z][a-z0-9]{0,11}", fullmatch=True)


@given(dataset=TEXT, digest=DIGEST, attempt=ATTEMPT, step=STEP)
def test_a_job_name_is_a_dns_label_of_at_most_47_characters(dataset: str, digest: str, attempt: int, step: str) -> None:
    name = naming.job(naming.run(dataset, digest), attempt, step)
    assert len(name) <= 47
    assert DNS_LABEL.fullmatch(name)


@given(dataset=TEXT, digest=DIGEST, attempt=ATTEMPT, steps=st.sets(STEP, min_size=2, max_size=2))
def test_two_steps_of_a_run_never_share_a_job_name(dataset: str, digest: str, attempt: int, steps: set[str]) -> None:
    run_id = naming.run(dataset, digest)
    assert len({naming.job(run_id, attempt, step) for step in steps}) == 2


def test_the_longest_run_id_still_leaves_room_for_the_longest_step() -> None:
    run_id = naming.run("migratorybirdsofeurope", "0" * 64)
    assert len(run_id) == 30
    assert naming.job(run_id, 99, "evaluate-abc") == f"{run_id}-99-evaluate-abc"


@given(dataset=TEXT, digest=DIGEST)
def test_a_run_id_starts_with_a_letter_and_ends_in_its_identity(dataset: str, digest: str) -> None:
    run_id = naming.run(dataset, digest)
    assert len(run_id) <= 30
    assert DNS_LABEL.fullmatch(run_id)
    assert run_id.endswith("-" + digest[:12])


@given(project=TEXT, dataset=TEXT, attempt=st.integers(1, 999_999_999))
def test_an_execution_name_is_one_that_step_functions_takes(project: str, dataset: str, attempt: int) -> None:
    assert EXECUTION.fullmatch(execution_name(project, dataset, upload(), attempt))


def test_the_same_upload_always_gets_the_same_execution_name() -> None:
    assert execution_name("zoo", "birds", upload()) == execution_name("zoo", "birds", upload())
    assert execution_name("zoo", "birds", upload()) != execution_name("zoo", "birds", upload(version_id="v2"))
    assert execution_name("zoo", "birds", upload(), 2).endswith("-2")


def test_projects_and_datasets_that_read_alike_have_model_groups_of_their_own() -> None:
    assert naming.model_group("a-b", "c") != naming.model_group("a", "b-c")
    assert len(naming.model_group("p" * 30, "d" * 30)) <= 63


def test_names_of_task_governance_are_those_of_hyperpod() -> None:
    assert naming.namespace("vision") == "hyperpod-ns-vision"
    assert naming.queue("vision") == "hyperpod-ns-vision-localqueue"
    assert naming.priority("training") == "training-priority"


def test_parameters_functions_and_labels_say_where_they_belong() -> None:
    assert naming.parameter("dev", "clusters", "research", "spec") == "/dropforge/dev/clusters/research/spec"
    assert naming.function("dev", "watch_jobs") == "dropforge-dev-watch-jobs"
    assert naming.label("run") == "dropforge.dev/run"
