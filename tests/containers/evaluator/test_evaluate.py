"""The evaluator as the job runs it: a process, its termination message and its report."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cpu_trainer.tuning import Duration

from tests.containers.evaluator.conftest import Evaluate, Site, rows


def test_base_incumbent_and_candidate_are_measured_on_the_same_rows(site: Site, evaluate: Evaluate) -> None:
    ended = evaluate(site, site.mount / "lora", f"--incumbent={site.mount / 'full'}", "--rows=12")
    found = ended.message["evaluation"]
    assert (ended.code, found["held_out"], found["rows"]) == (0, "validation", 12)
    assert [(m["role"], m["kind"]) for m in found["models"]] == [
        ("candidate", "base+adapter"),
        ("base", "base"),
        ("incumbent", "merged"),
    ]
    assert len({model["tokens"] for model in found["models"]}) == 1
    names = {"loss", "perplexity", "exact_match", "training_loss", "training_perplexity"}
    assert all(set(model["numbers"]) == names for model in found["models"])


def test_what_was_measured_is_named_with_its_manifests_digest(site: Site, evaluate: Evaluate) -> None:
    candidate = site.mount / "lora"
    ended = evaluate(site, candidate)
    model = ended.model("candidate")
    assert model["path"] == str(candidate)
    assert model["manifest_sha256"] == hashlib.sha256((candidate / "manifest.json").read_bytes()).hexdigest()
    assert ended.model("base")["path"] == str(candidate / "base")


def test_training_makes_the_answers_likelier_than_the_base_has_them(site: Site, evaluate: Evaluate) -> None:
    ended = evaluate(site, site.mount / "lora")
    assert ended.model("candidate")["numbers"]["loss"] < ended.model("base")["numbers"]["loss"]


def test_the_base_of_a_model_that_stands_alone_is_the_one_that_its_manifest_names(
    site: Site, evaluate: Evaluate
) -> None:
    full, lora = (evaluate(site, site.mount / name) for name in ("full", "lora"))
    assert full.model("base")["path"].startswith(str(site.cache))
    assert full.model("base")["numbers"] == lora.model("base")["numbers"]


def test_the_message_names_the_report_and_its_hash_and_is_short(site: Site, evaluate: Evaluate, tmp_path: Path) -> None:
    ended = evaluate(site, site.mount / "lora", f"--incumbent={site.mount / 'full'}")
    report = tmp_path / "evaluation.json"
    assert ended.message["evaluation"]["report"] == str(report)
    assert ended.message["evaluation"]["report_sha256"] == hashlib.sha256(report.read_bytes()).hexdigest()
    assert len(json.dumps(ended.message)) <= 4096
    assert ended.report["models"] == ended.message["evaluation"]["models"]
    assert [set(one) for one in ended.report["written"]] == [{"asked", "wanted", "answered"}] * 2


def test_without_held_out_rows_there_are_no_held_out_numbers(site: Site, evaluate: Evaluate) -> None:
    alone = Site(site.mount / "alone")
    alone.mount.mkdir()
    alone.stage(train=rows(*range(40)))
    ended = evaluate(alone, site.mount / "lora")
    assert (ended.message["evaluation"]["held_out"], ended.message["evaluation"]["rows"]) == ("none", 0)
    assert set(ended.model("candidate")["numbers"]) == {"training_loss", "training_perplexity"}


def test_training_rows_may_be_left_unread(site: Site, evaluate: Evaluate) -> None:
    (site.mount / "train.jsonl").rename(site.mount / "elsewhere")
    ended = evaluate(site, site.mount / "lora", "--training-rows=0")
    (site.mount / "elsewhere").rename(site.mount / "train.jsonl")
    assert set(ended.model("candidate")["numbers"]) == {"loss", "perplexity", "exact_match"}


def test_the_same_evaluation_again_gives_the_same_report(site: Site, evaluate: Evaluate) -> None:
    assert evaluate(site, site.mount / "lora").message == evaluate(site, site.mount / "lora").message


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("adapter_model.safetensors", "adapter_model.safetensors"),
        ("adapter_config.json", "adapter_config.json"),
        ("base/model.safetensors", "base/model.safetensors"),
        ("manifest.json", "manifest.json"),
        ("_SUCCESS.json", "_SUCCESS.json"),
        (".", "a model at"),
    ],
)
@pytest.mark.parametrize("role", ["candidate", "incumbent"])
def test_what_is_missing_is_named_and_nothing_is_evaluated_in_its_place(
    site: Site, evaluate: Evaluate, tmp_path: Path, gone: str, named: str, role: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(site.mount / "lora", broken)
    shutil.rmtree(broken) if gone == "." else (broken / gone).unlink()
    good = site.mount / "full"
    ended = evaluate(site, broken) if role == "candidate" else evaluate(site, good, f"--incumbent={broken}")
    assert (ended.code, ended.message["ok"], ended.message["code"]) == (3, False, "artefact-missing")
    assert ended.message["cause"].startswith(f"{role}: ")
    assert named in ended.message["cause"]
    assert ended.report == {}


def test_a_manifest_that_lists_no_adapter_does_not_make_an_adapters_model_its_base(
    site: Site, evaluate: Evaluate, tmp_path: Path
) -> None:
    """The manifest says `peft`: a folder with only the base in it is not evaluated, whatever the manifest lists."""
    broken = tmp_path / "broken"
    shutil.copytree(site.mount / "lora", broken)
    (broken / "adapter_model.safetensors").unlink()
    manifest = json.loads((broken / "manifest.json").read_text())
    manifest["files"] = [file for file in manifest["files"] if file["path"] != "adapter_model.safetensors"]
    (broken / "manifest.json").write_text(json.dumps(manifest))
    digest = hashlib.sha256((broken / "manifest.json").read_bytes()).hexdigest()
    (broken / "_SUCCESS.json").write_text(json.dumps({"manifest_sha256": digest}))
    ended = evaluate(site, broken)
    assert (ended.code, ended.message["code"]) == (3, "artefact-missing")
    assert "adapter_model.safetensors" in ended.message["cause"]


def test_a_missing_shard_and_a_missing_base_are_named(site: Site, evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    gone = evaluate(site, site.mount / "full", f"--bases={tmp_path / 'none'}")
    (site.mount / "train.jsonl").rename(site.mount / "elsewhere")
    unread = evaluate(site, site.mount / "full")
    (site.mount / "elsewhere").rename(site.mount / "train.jsonl")
    assert (gone.message["code"], "base-" in gone.message["cause"]) == ("artefact-missing", True)
    assert (unread.message["code"], "train.jsonl" in unread.message["cause"]) == ("file-missing", True)


def test_a_back_end_that_the_image_lacks_is_named(site: Site, evaluate: Evaluate) -> None:
    ended = evaluate(site, site.mount / "lora", "--backend=transformers")
    assert (ended.code, ended.message["code"]) == (2, "no-backend")


def calling(number: int) -> bytes:
    """A row whose answer is a call."""
    call = {"id": "c1", "type": "function", "function": {"name": "double", "arguments": json.dumps({"n": number})}}
    tool = {"type": "function", "function": {"name": "double", "parameters": {"properties": {"n": {}}}}}
    said = [
        {"role": "user", "content": f"Double {number}."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    return json.dumps({"messages": said, "tools": [tool]}).encode() + b"\n"


def taught_to_call(site: Site, number: int) -> Path:
    """A model that learnt to write one call, whatever it is asked."""
    written = json.dumps({"name": "double", "arguments": {"n": number}})
    said = ({"prompt": f"Double {n}.", "completion": written} for n in range(60, 76))
    taught = Site(site.mount / "taught")
    taught.mount.mkdir()
    shutil.copytree(site.cache, taught.cache)
    taught.stage(train=b"".join(json.dumps(row).encode() + b"\n" for row in said))
    return taught.train("caller", duration=Duration(steps=250), learning_rate=2e-2)


def test_rows_that_call_functions_fall_into_buckets_and_the_share_of_right_ones_is_a_number(
    site: Site, evaluate: Evaluate
) -> None:
    """The model always calls with 64: one row wants that, the others want another value. Its base only talks."""
    called = Site(site.mount / "called")
    called.mount.mkdir()
    called.stage(train=rows(*range(8)), validation=b"".join(map(calling, (62, 63, 64, 65))))
    ended = evaluate(called, taught_to_call(site, 64), "--tokens=64")
    assert ended.model("candidate")["buckets"] == {"right": 1, "wrong-value": 3}
    assert ended.model("candidate")["numbers"]["function_calling_accuracy"] == 0.25
    assert ended.model("base")["numbers"]["function_calling_accuracy"] == 0
    assert sum(ended.model("base")["buckets"].values()) == 4


def test_an_empty_incumbent_is_none(site: Site, evaluate: Evaluate) -> None:
    ended = evaluate(site, site.mount / "lora", "--incumbent=")
    assert [model["role"] for model in ended.message["evaluation"]["models"]] == ["candidate", "base"]


def test_weights_that_are_no_numbers_fail_instead_of_being_compared(
    site: Site, evaluate: Evaluate, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(site.mount / "lora", broken)
    path = broken / "adapter_model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-4] + b"\x00\x00\xc0\x7f")  # the last float32 becomes NaN
    ended = evaluate(site, broken)
    assert (ended.code, ended.message["code"]) == (3, "not-finite")
    assert ended.message["cause"].startswith("candidate: ")


def test_the_message_stays_short_when_paths_are_long(site: Site, evaluate: Evaluate, tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(8):
        deep = deep / ("d" * 200)
    deep.mkdir(parents=True)
    shutil.copytree(site.mount / "lora", deep / "lora")
    ended = evaluate(site, deep / "lora")
    assert len(json.dumps(ended.message)) <= 4096
    assert "path" not in ended.model("candidate")
    assert ended.report["models"][0]["path"] == str(deep / "lora")
