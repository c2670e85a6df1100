"""`dropforge render` and `dropforge plan`: manifests without a deployment, and what is wrong usage before anybody is asked."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dropforge import naming
from dropforge.adapters import recipes
from dropforge.domain.fits import Fit, Holder
from dropforge.domain.plans import Plan
from dropforge.domain.previews import Difference, Preview, PreviewedStep, Reuse, price_of, together
from kubernetes.client import BatchV1Api
from rich.console import Console

from cli import show_plan
from localcloud.kubernetes import LocalCluster
from localcloud.team import prepare_team
from tests.builders import planned
from tests.cli.conftest import Run
from tests.golden_files import check_golden

FACTS = ("--set", "team=vision", "--set", "claim=fsx", "--set", "project=zoo", "--set", "environment=dev")


def jobs(out: str) -> list[Any]:
    return list(yaml.safe_load_all(out))


def test_the_manifests_of_a_recipe_are_printed_with_what_stands_in_for_a_site(run: Run) -> None:
    ran = run("render", "--recipe", "cpu-lora")
    assert (ran.code, ran.err) == (0, "")
    check_golden("render_cpu_lora.yaml", ran.out)


@pytest.mark.parametrize("name", recipes.names())
def test_the_manifests_of_every_recipe_are_the_same_each_time(run: Run, name: str) -> None:
    first, second = run("render", "--recipe", name, *FACTS), run("render", "--recipe", name, *FACTS)
    assert first == second
    assert [job["kind"] for job in jobs(first.out)] == ["Job"] * (len(recipes.read(name).steps) + 1)


def test_a_fact_of_the_site_is_in_the_manifests_and_stands_in_no_more(run: Run) -> None:
    ran = run(
        "render",
        "--recipe",
        "cpu-lora",
        "--set",
        "team=vision",
        "--set",
        "image=r.example/i@sha256:1=2",
        "--set",
        "step_image=r.example/e@sha256:3",
    )
    assert {job["metadata"]["namespace"] for job in jobs(ran.out)} == {"hyperpod-ns-vision"}
    containers = [job["spec"]["template"]["spec"]["containers"][0] for job in jobs(ran.out)]
    images = [container["image"] for container in containers]
    assert images == [*["r.example/i@sha256:1=2"] * 3, "r.example/e@sha256:3", "r.example/i@sha256:1=2"]
    assert "# stand-in: --set claim=claim" in ran.out
    assert "# stand-in: --set team" not in ran.out


def test_a_run_request_is_in_the_manifests(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("parameters: {steps: 7}\ncompute: {priority: experiment}\n")
    ran = run("render", "--recipe", "cpu-lora", "--run", str(tmp_path / "run.yaml"))
    assert "--steps=7" in jobs(ran.out)[2]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert jobs(ran.out)[2]["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "experiment-priority"


def test_the_parameters_of_another_recipe_are_left_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("recipe: mine\nparameters: {colour: red}\n")
    assert run("render", "--recipe", "cpu-lora", "--run", str(tmp_path / "run.yaml")).code == 0


def test_a_recipe_of_ones_own_is_a_file(run: Run, tmp_path: Path) -> None:
    text = (recipes.folder() / "cpu-lora.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("memory: 1Gi", "memory: 3Gi"))
    ran = run("render", "--recipe", str(tmp_path / "mine.yaml"))
    assert ran.code == 0
    assert "memory: 3Gi" in ran.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kinds: [sft]\n", "is not a recipe"),
        ("a: [\n", "is not YAML"),
        ("- a\n", "is not a recipe"),
        ("", "is not a recipe"),
    ],
)
def test_a_file_that_is_no_recipe_says_why(run: Run, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    ran = run("render", "--recipe", str(tmp_path / "mine.yaml"))
    assert (ran.code, ran.out) == (1, "")
    assert f"mine.yaml {said}" in ran.err


def test_a_typo_in_a_recipes_name_is_told_with_the_nearest(run: Run) -> None:
    ran = run("render", "--recipe", "cpu-lor")
    assert (ran.code, "Did you mean `cpu-lora`?" in ran.err) == (1, True)


def test_a_request_that_the_recipe_does_not_allow_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("compute: {nodes: 9}\n")
    ran = run("render", "--recipe", "cpu-lora", "--run", str(tmp_path / "run.yaml"))
    assert (ran.code, "BadRunRequest" in ran.err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("render",),
        ("render", "--recipe", "cpu-lora", "--set", "teem=x"),
        ("render", "--recipe", "cpu-lora", "--set", "team"),
        ("render", "--recipe", "cpu-lora", "--set", "team=No Name"),
        ("render", "--recipe", "nowhere.yaml"),
        ("plan",),
        ("plan", "Nothing Here"),
        ("plan", "s3://bucket/models/x"),
    ],
)
def test_what_means_nothing_is_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_a_file_without_a_project_is_wrong_usage_that_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("{}\n")
    ran = run("plan", str(tmp_path / "train.jsonl"))
    assert (ran.code, "--project NAME" in ran.err) == (2, True)


def previewed(plan: Plan, fits: dict[str, Fit], reuse: Reuse) -> Preview:
    """A plan as people are shown it."""
    steps = tuple(PreviewedStep(step=one, fit=fits.get(one.name, NOW)) for one in plan.steps)
    return Preview(
        **plan.model_dump(include=Preview.of_plan()),
        cluster=plan.cluster.name,
        uploaded=False,
        rows=400,
        steps=steps,
        manifests_sha256="d" * 64,
        reuse=reuse,
        fit=together([one.fit for one in steps], reuse),
        price=price_of(plan, reuse),
    )


NOW = Fit(answer="now", why="Quota on local.cpu is free.")
HELD = Holder(kind="job", name="owls-0123456789ab-1-train", amount="3", resource="cpu", flavor="local.cpu")
LATER = Fit(
    answer="later",
    why="1 more of cpu on local.cpu must become free.",
    holders=(HELD,),
    borrowed=("2 of cpu on local.cpu",),
)
NEVER = Fit(
    answer="never", why="It asks for 9 of cpu on local.cpu; the team may have 4 at most, borrowed quota included."
)
CHANGED = Reuse(
    answer="new",
    why="Run birds-0123456789ab is the newest of this dataset's name, and differs in parameters.steps.",
    differences=(Difference(field="parameters.steps", before="5", now="60"),),
)
DONE = Reuse(answer="reused", why="Run birds-1 has made this model already; nothing is trained.", run_id="birds-1")


@pytest.mark.parametrize(
    ("name", "fits", "reuse"),
    [("later", {"train": LATER}, CHANGED), ("never", {"train": NEVER}, CHANGED), ("reused", {"train": NEVER}, DONE)],
)
def test_a_plan_is_read_in_one_screen(
    run: Run, capsys: pytest.CaptureFixture[str], name: str, fits: dict[str, Fit], reuse: Reuse
) -> None:
    found = previewed(planned(), fits, reuse)
    show_plan.print_preview(Console(width=80, color_system=None), found)
    out = capsys.readouterr().out
    check_golden(f"plan_{name}.txt", out)
    assert len(out.splitlines()) < 25
    assert found.works is (name != "never")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with LocalCluster("rendering", tmp_path_factory.mktemp("cluster"), images={}, speed=100) as running:
        prepare_team(running, "vision")
        yield running


@pytest.mark.parametrize("name", recipes.names())
def test_the_api_server_takes_every_manifest_word_for_word(run: Run, cluster: LocalCluster, name: str) -> None:
    batch, namespace = BatchV1Api(cluster.client()), naming.namespace("vision")
    for job in jobs(run("render", "--recipe", name, *FACTS).out):
        batch.create_namespaced_job(namespace, job, dry_run="All", field_validation="Strict")
    assert batch.list_namespaced_job(namespace).items == []


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_applies_the_manifests_in_a_dry_run(run: Run, cluster: LocalCluster, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(cluster.kubeconfig())
    rendered = run("render", "--recipe", "cpu-lora", *FACTS).out
    command = ["kubectl", "--kubeconfig", str(tmp_path / "kubeconfig"), "apply", "--dry-run=server", "-f", "-"]
    applied = subprocess.run(command, input=rendered, capture_output=True, text=True, check=False)
    assert (applied.returncode, applied.stderr) == (0, "")
    assert applied.stdout.count("created (server dry run)") == 5
