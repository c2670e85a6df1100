"""From the verified model on the file system to an approved version: every request fails once, before and after its effect, and is done again.

At no moment is there more than one version, and one that is there is complete: its files with their marker, its passport.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dropforge import naming
from dropforge.adapters import aws, clock, ledger, waits
from dropforge.domain import passports
from dropforge.domain.checkpoint_shapes.seal import MARKER
from dropforge.domain.passports import Passport
from dropforge.domain.plans import Plan
from dropforge.domain.requests import Promotion
from dropforge.domain.runs import Run
from time_machine import travel

from tests import builders
from tests.contracts.repository import Document
from tests.domain.test_promotions import Folder, adapter
from tests.functions.conftest import MODELS, Call, Registry
from tests.functions.lustre import Lustre, lustre
from tests.functions.promoted import place, promote, to_verify
from tests.functions.registering import admit, drop, package
from tests.functions.wires import Died, answering, dying, reply

REQUESTS = {
    "promote_checkpoint": 6,
    "watch_jobs": 11,
    "verify_checkpoint": 9,
    "register_model": 13,
    "request_approval": 27,
}
LOCKED = 0.5  # hours after which the lock of a look that died has expired
WALKED = [
    (name, at, when) for name, count in REQUESTS.items() for at in range(1, count + 1) for when in ("before", "after")
]


@pytest.fixture(autouse=True)
def project(registry: Registry) -> None:
    who = {"members": (), "automatic_approval": True}
    for nouns, name, value in (
        ("projects", "zoo", builders.PROJECT.model_copy(update=who)),
        ("clusters", "research", builders.CLUSTER),
    ):
        parameter = naming.parameter("test", nouns, name, "spec")
        aws.ssm().put_parameter(Name=parameter, Value=value.model_dump_json(), Type="String")


@pytest.fixture
def fsx() -> Iterator[Lustre]:
    with lustre() as found:
        yield found


@pytest.fixture(autouse=True)
def tokens() -> Iterator[list[str]]:
    """The task tokens that were answered with success."""
    heard: list[str] = []

    def answer(request):  # type: ignore[no-untyped-def]
        heard.append(json.loads(request.body)["taskToken"])
        return reply(request, {})

    with answering(aws.stepfunctions(), "SendTaskSuccess", answer):
        yield heard


def clients() -> list[Any]:
    return [aws.s3(), aws.dynamodb(), aws.sagemaker(), aws.events(), aws.ssm(), aws.fsx(), aws.stepfunctions()]


class Chain:
    """The functions from the promotion to the approval, as the machine calls them."""

    def __init__(self, call: Call, fsx: Lustre) -> None:
        self._call, self._fsx = call, fsx
        self.birds = drop()
        self.run: Run = admit(self.birds)
        promotion = Promotion.model_validate({"approval": "automatic"})
        plan = builders.planned(of=self.birds)
        self.plan: Plan = plan.model_copy(update={"request": plan.request.model_copy(update={"promotion": promotion})})
        self.folder: Folder = promote(adapter(), self.run)  # what FSx will have copied
        self.checkpoint: Document = {}
        self.model: Document = {}

    def _own(self, **more: object) -> Document:
        return {"plan": self.plan.model_dump(mode="json"), "run": self.run.model_dump(mode="json"), **more}

    def promote_checkpoint(self) -> None:
        jobs = to_verify(self.run, self.folder.digest)["jobs"]
        self._call("promote_checkpoint", self._own(jobs=jobs, token="token-promote"))

    def watch_jobs(self) -> None:
        if any(task["Lifecycle"] == "EXECUTING" for task in self._fsx.tasks):
            self._fsx.end(Status={"TotalCount": len(self.folder.files), "FailedCount": 0})
        self._call("watch_jobs", {"cluster": "research"})

    def verify_checkpoint(self) -> None:
        jobs = to_verify(self.run, self.folder.digest)["jobs"]
        self.checkpoint = self._call("verify_checkpoint", self._own(jobs=jobs))

    def register_model(self) -> None:
        own = self._own(dataset=self.birds.model_dump(mode="json"), checkpoint=self.checkpoint)
        self.model = self._call("register_model", own)

    def request_approval(self) -> None:
        self._call("request_approval", self._own(model=self.model, token="token-approve"))

    def walk(self, dies: str = "", at: int = 0, when: str = "before") -> dict[str, int]:
        """Do everything, and again what died; return how many requests each function has made."""
        counts = {}
        for name in REQUESTS:
            step: Callable[[], None] = getattr(self, name)
            with dying(clients(), at if name == dies else 0, when) as seen:
                try:
                    step()
                except* Died:
                    self.require_none_or_one()
                    with travel(clock.later(LOCKED if name == "watch_jobs" else 0)):
                        step()
            counts[name] = seen["requests"]
        return counts

    def require_none_or_one(self) -> list[str]:
        """Return the versions that can be seen: none, or one that is complete."""
        groups = aws.sagemaker().list_model_package_groups()["ModelPackageGroupSummaryList"]
        found = [
            one["ModelPackageArn"]
            for group in groups
            for one in aws.sagemaker().list_model_packages(ModelPackageGroupName=group["ModelPackageGroupName"])[
                "ModelPackageSummaryList"
            ]
        ]
        assert len(found) <= 1
        for arn in found:
            self._require_complete(arn)
        return found

    def _require_complete(self, arn: str) -> None:
        listed = aws.s3().list_objects_v2(Bucket=MODELS, Prefix=place(self.run, self.folder))["Contents"]
        names = {entry["Key"].removeprefix(place(self.run, self.folder)) for entry in listed}
        assert names == {*self.folder.files, MARKER}
        key = passports.key_of(self.run.project, self.run.id, self.run.attempt)
        passport = Passport.model_validate_json(aws.s3().get_object(Bucket=MODELS, Key=key)["Body"].read())
        assert passports.is_whole(passport)
        assert package(arn)["CustomerMetadataProperties"]["passport"] == passport.digest


def test_every_request_is_walked(call: Call, fsx: Lustre, capsys: pytest.CaptureFixture[str]) -> None:
    counts = Chain(call, fsx).walk()
    with capsys.disabled():
        print(f"\n{2 * sum(counts.values())} deaths of promotion and registration are walked")  # noqa: T201
    assert counts == REQUESTS


@pytest.mark.parametrize(("dies", "at", "when"), WALKED)
def test_what_died_and_was_done_again_has_left_one_complete_approved_version(
    call: Call, fsx: Lustre, tokens: list[str], dies: str, at: int, when: str
) -> None:
    chain = Chain(call, fsx)
    chain.walk(dies, at, when)
    (arn,) = chain.require_none_or_one()
    now = ledger.run(chain.run.id)
    assert now is not None
    assert (now.status, now.model_arn, package(arn)["ModelApprovalStatus"]) == ("succeeded", arn, "Approved")
    assert (len(fsx.tasks), waits.of_cluster("research"), set(tokens)) == (1, [], {"token-promote", "token-approve"})
