"""Jobs with rules of their own: which failures end them, which are forgiven, and when enough has succeeded."""

import pytest
from kubernetes.client.exceptions import ApiException

BY_INDEX = {"completionMode": "Indexed", "backoffLimitPerIndex": 0, "backoffLimit": 100}


def conditions(job):
    return [(c["type"], c["reason"], c["message"]) for c in job["status"]["conditions"] if c["status"] == "True"]


def on_exit(action, *codes, operator="In"):
    rule = {"action": action, "onExitCodes": {"operator": operator, "values": list(codes)}}
    return {"podFailurePolicy": {"rules": [rule]}}


def test_an_exit_code_that_fails_the_job_ends_it_before_its_backoff_limit(team):
    team.job("j", "exit 3", **{"backoffLimit": 6, **on_exit("FailJob", 3, 4)})
    job = team.job_has("j", "Failed")
    (pod,) = team.pods_of("j")
    name = f"{team.namespace}/{pod.metadata.name}"
    why = f"Container main for pod {name} failed with exit code 3 matching FailJob rule at index 0"
    assert conditions(job) == [(kind, "PodFailurePolicy", why) for kind in ("FailureTarget", "Failed")]


def test_an_exit_code_that_no_rule_names_counts_as_ever(team):
    team.job("j", "exit 5", **on_exit("FailJob", 3, 4))
    assert conditions(team.job_has("j", "Failed"))[-1][1] == "BackoffLimitExceeded"


def test_an_exit_code_outside_of_a_list_is_matched_by_not_in(team):
    team.job("j", "exit 5", **{"backoffLimit": 6, **on_exit("FailJob", 3, operator="NotIn")})
    assert conditions(team.job_has("j", "Failed"))[-1][1] == "PodFailurePolicy"


def test_an_ignored_failure_is_replaced_and_not_counted(team, tmp_path):
    mark = tmp_path / "tried"
    team.job("j", f"test -e {mark} || {{ touch {mark}; exit 9; }}", **on_exit("Ignore", 9))
    job = team.job_has("j", "Complete")
    assert (job["status"].get("failed"), job["status"]["succeeded"], len(team.pods_of("j"))) == (None, 1, 2)


def test_a_job_with_a_failure_policy_replaces_pods_only_when_they_have_ended(team):
    team.job("j", **on_exit("Ignore", 9))
    assert team.read_job("j")["spec"]["podReplacementPolicy"] == "Failed"


def test_one_bad_index_fails_alone_and_the_job_when_the_others_are_done(team):
    team.job("j", 'test "$JOB_COMPLETION_INDEX" != 1', completions=3, parallelism=3, **BY_INDEX)
    job = team.job_has("j", "Failed")
    assert (job["status"]["completedIndexes"], job["status"]["failedIndexes"]) == ("0,2", "1")
    assert conditions(job)[-1] == ("Failed", "FailedIndexes", "Job has failed indexes")


def test_an_index_is_tried_again_as_often_as_it_may(team):
    team.job("j", "exit 1", completions=1, **{**BY_INDEX, "backoffLimitPerIndex": 2})
    job = team.job_has("j", "Failed")
    counts = [pod.metadata.annotations["batch.kubernetes.io/job-index-failure-count"] for pod in team.pods_of("j")]
    assert (job["status"]["failed"], sorted(counts)) == (3, ["0", "1", "2"])


def test_more_failed_indexes_than_allowed_end_the_job_at_once(team):
    script = 'test "$JOB_COMPLETION_INDEX" != 0 || exit 1; sleep 60'
    team.job("j", script, completions=2, parallelism=2, maxFailedIndexes=0, **BY_INDEX)
    job = team.job_has("j", "Failed")
    assert conditions(job)[-1][1] == "MaxFailedIndexesExceeded"
    assert job["status"].get("completedIndexes", "") == ""


def test_enough_succeeded_indexes_complete_a_job_and_the_others_are_stopped(team):
    script = 'test "$JOB_COMPLETION_INDEX" = 0 || sleep 60'
    policy = {"rules": [{"succeededIndexes": "0", "succeededCount": 1}]}
    team.job("j", script, completions=2, parallelism=2, completionMode="Indexed", successPolicy=policy)
    job = team.job_has("j", "Complete")
    why = ("SuccessPolicy", "Matched rules at index 0")
    assert conditions(job) == [("SuccessCriteriaMet", *why), ("Complete", *why)]
    assert job["status"]["completedIndexes"] == "0"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"maxFailedIndexes": 1}, "spec.backoffLimitPerIndex"),
        ({"backoffLimitPerIndex": 1}, "spec.backoffLimitPerIndex"),
        ({"successPolicy": {"rules": [{"succeededCount": 1}]}}, "spec.successPolicy"),
        ({"completions": 1, "completionMode": "Indexed", "successPolicy": {"rules": []}}, "spec.successPolicy.rules"),
        (on_exit("Explode", 1), "spec.podFailurePolicy.rules[0].action"),
        (on_exit("FailIndex", 1), "spec.podFailurePolicy.rules[0].action"),
        (on_exit("FailJob", 0), "spec.podFailurePolicy.rules[0].onExitCodes.values"),
        ({"podFailurePolicy": {"rules": [{"action": "FailJob"}]}}, "spec.podFailurePolicy.rules[0]"),
    ],
)
def test_rules_that_make_no_sense_are_refused_by_name(team, spec, field):
    with pytest.raises(ApiException) as refused:
        team.job("j", **spec)
    assert refused.value.status == 422
    assert f'"field":"{field}"' in refused.value.body
