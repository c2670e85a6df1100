"""The life cycles of a Job as `rec.real` has them: done, failed, suspended while it runs, past its deadline, deleted."""

from typing import Any

from tests.cluster.probe import Json
from tests.cluster.stage import NOWHERE, Stage

_JOBS = ("bad", "dl", "ok", "sus")


def play(stage: Stage) -> None:
    """Play them all, in the recorded order."""
    _run(stage, "ok", "Succeeded", "Complete", parallelism=2, completions=2, completionMode="Indexed")
    _run(stage, "bad", "Failed", "Failed")
    _suspend_while_running(stage)
    _run_out_of_time(stage)
    gone = stage.delete_job("ok")
    stage.until(lambda: not stage.pods("ok"))
    stage.account.say("after delete pods 0 resp kind", gone["kind"], gone["status"])
    _tell_events(stage)


def _spec(**more: Any) -> Json:
    pod = {
        "restartPolicy": "Never",
        "nodeSelector": NOWHERE,
        "containers": [{"name": "c", "image": "i", "command": ["true"]}],
    }
    return {"suspend": True, "backoffLimit": 0, "template": {"spec": pod}, **more}


def _run(stage: Stage, name: str, phase: str, ending: str, **spec: Any) -> None:
    count = spec.get("parallelism", 1)
    stage.create_job(name, _spec(**spec))
    stage.job_has(name, "Suspended")
    stage.account.show(f"{name} suspended", stage.job(name))
    stage.change_job(name, suspend=False)
    stage.job_has(name, "Suspended", "False", active=count)
    stage.account.show(f"{name} resumed", stage.job(name))
    _tell_pods(stage, name)
    stage.pods_are(name, "Running")
    stage.job_has(name, "", ready=count)
    stage.account.show(f"{name} running", stage.job(name))
    stage.pods_are(name, phase)
    stage.job_has(name, ending)
    stage.account.show(f"{name} finished", stage.job(name))


def _tell_pods(stage: Stage, name: str) -> None:
    pods = stage.pods(name)
    heads = [pod["metadata"] for pod in pods]
    told = [
        [
            head["name"],
            head["labels"],
            head.get("annotations"),
            head.get("finalizers"),
            head["ownerReferences"][0]["kind"],
        ]
        for head in heads
    ]
    first = pods[0]["spec"]
    stage.account.say("PODS", told)
    stage.account.say("POD ENV", first["containers"][0].get("env", []), "hostname", str(first.get("hostname")))


def _suspend_while_running(stage: Stage) -> None:
    stage.create_job("sus", _spec())
    stage.change_job("sus", suspend=False)
    stage.job_has("sus", "", active=1)
    stage.pods_are("sus", "Running")
    stage.job_has("sus", "", ready=1)
    stage.change_job("sus", suspend=True)
    stage.job_has("sus", "Suspended", startTime=None)
    stage.account.show("suspended while running", stage.job("sus"))
    stage.account.say("pods left", len(stage.pods("sus")))


def _run_out_of_time(stage: Stage) -> None:
    stage.create_job("dl", _spec(activeDeadlineSeconds=2, suspend=False))
    stage.job_has("dl", "", active=1)
    stage.pods_are("dl", "Running")
    stage.job_has("dl", "Failed")
    stage.account.show("deadline (pods terminating: no kubelet)", stage.job("dl"))
    left = [[pod["metadata"].get("deletionTimestamp"), pod["status"]["phase"]] for pod in stage.pods("dl")]
    stage.account.say(left)


def _tell_events(stage: Stage) -> None:
    stage.account.say("events:")
    for event in stage.events():
        about = event["involvedObject"]
        if about["name"] in _JOBS:
            stage.account.say("  ", about["kind"], about["name"], event["type"], event["reason"], event["message"][:90])
