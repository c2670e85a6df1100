"""The evaluator's two back ends say the same of the same checkpoint: numpy's own code, and transformers with PEFT in torch.

Both compute in float32 and add up in float64, in other orders: losses agree to one part in a hundred thousand (TOLERANCE), exact matches and
greedy answers are the same.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")

from cpu_trainer import safetensors  # noqa: E402 - after the skip
from cpu_trainer.checkpoint import seal_files  # noqa: E402
from cpu_trainer.errors import Failure  # noqa: E402
from cpu_trainer.finetune import finetune  # noqa: E402
from cpu_trainer.prepare import Base, prepare  # noqa: E402
from cpu_trainer.staged import Data, Staged, by_hand  # noqa: E402
from cpu_trainer.tuning import Duration, Tuning  # noqa: E402
from evaluator import numpy_model, transformers_model  # noqa: E402
from evaluator.artefacts import open_trained  # noqa: E402
from evaluator.cases import Call, Case, Message, case_of, sample  # noqa: E402
from evaluator.evaluate import Evaluation, Extent, Load, Subjects, evaluate  # noqa: E402
from evaluator.measure import Limits, answers  # noqa: E402

TOLERANCE = 1e-5
GREETINGS = Path(__file__).parents[2] / "examples" / "greetings" / "train.jsonl"
LIMITS = Limits(batch=5, tokens=24)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with a base, and two models that were trained from it."""
    folder = tmp_path_factory.mktemp("site")
    base = prepare(Base(steps=150), folder / "cache").folder
    for mode in ("lora", "full"):
        tuning = Tuning(mode, Duration(steps=30), 8, 4e-3, 8, 16.0, 42, 160, "dropforge/tiny-llama")
        finetune(by_hand(GREETINGS), base, folder / mode, tuning)
    return folder


def measured(site: Path, candidate: str, incumbent: str, load: Load) -> Evaluation:
    held_out = (Staged(GREETINGS, "validation.jsonl"),)
    subjects = Subjects(site / candidate, site / incumbent, bases=site / "cache")
    return evaluate(Data(held_out, held_out), subjects, Extent(24, 24, 4, LIMITS), load)


def by_transformers(artefact: object) -> transformers_model.TransformersModel:
    return transformers_model.load(artefact, "bytes")  # type: ignore[arg-type]


@pytest.mark.parametrize(("candidate", "incumbent"), [("lora", "full"), ("full", "lora")])
def test_both_back_ends_give_the_same_numbers_for_every_role(site: Path, candidate: str, incumbent: str) -> None:
    ours, theirs = (measured(site, candidate, incumbent, load) for load in (numpy_model.load, by_transformers))
    assert [(m.role, m.kind, m.tokens) for m in ours.models] == [(m.role, m.kind, m.tokens) for m in theirs.models]
    assert (ours.rows, ours.rows_sha256, ours.written) == (theirs.rows, theirs.rows_sha256, theirs.written)
    assert len({model.numbers["loss"] for model in ours.models}) == 3
    for mine, other in zip(ours.models, theirs.models, strict=True):
        assert other.numbers == pytest.approx(mine.numbers, rel=TOLERANCE)
        assert other.numbers["exact_match"] == mine.numbers["exact_match"]


def test_answers_of_a_batch_are_those_of_each_prompt_alone(site: Path) -> None:
    model = by_transformers(open_trained("candidate", site / "lora", None))
    cases = list(sample([Staged(GREETINGS, "rows")], 7).cases)
    cases += [Case((Message("user", "Hi"),), Message("assistant", "Ho"))]
    together = answers(model, cases, Limits(batch=8, tokens=24))
    assert together == answers(model, cases, Limits(batch=1, tokens=24))
    assert len(set(together)) > 2


def test_an_adapter_without_its_weights_is_not_evaluated_as_its_base(site: Path, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="candidate: expected a model"):
        measured(site, "gone", "full", by_transformers)


def without_a_tensor(source: Path, target: Path, weights: str, tensor: str) -> None:
    """Copy a model without one of its tensors, sealed as if it were whole."""
    shutil.copytree(source, target)
    tensors = safetensors.read(target / weights)
    safetensors.write(target / weights, {name: array for name, array in tensors.items() if not name.endswith(tensor)})
    manifest = json.loads((target / "manifest.json").read_text())
    names = [file["path"] for file in manifest.pop("files")]
    seal_files(target, manifest, names)


@pytest.mark.parametrize(
    ("kind", "weights", "tensor"),
    [
        ("lora", "adapter_model.safetensors", "layers.1.mlp.up_proj.lora_B.weight"),
        ("lora", "base/model.safetensors", "layers.0.self_attn.q_proj.weight"),
        ("full", "model.safetensors", "lm_head.weight"),
    ],
)
def test_a_missing_tensor_is_named_where_the_libraries_would_make_one_up(
    site: Path, tmp_path: Path, kind: str, weights: str, tensor: str
) -> None:
    without_a_tensor(site / kind, tmp_path / "broken", weights, tensor)
    with pytest.raises(Failure, match=rf"candidate: expected tensor \S*{tensor}") as raised:
        by_transformers(open_trained("candidate", tmp_path / "broken", None))
    assert raised.value.code == "artefact-missing"


TEMPLATE = (
    "{{ bos_token }}{% for tool in tools or [] %}[{{ tool.function.name }}]{% endfor %}"
    "{% for m in messages %}<{{ m.role }}>{% if m.tool_calls %}{% for c in m.tool_calls %}"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}{% endfor %}'
    "{% else %}{{ m.content }}{% endif %}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tokenizer(folder: Path, template: str = TEMPLATE) -> None:
    """Write a tokenizer of single characters with a chat template beside a model."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415 - comes with transformers

    vocabulary = {chr(code): code for code in range(32, 127)} | {"?": 63, "<s>": 1, "</s>": 2, "<pad>": 0}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    made.decoder = decoders.Fuse()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="?"
    )
    fast.chat_template = template
    fast.save_pretrained(folder)


@pytest.fixture
def chatting(site: Path, tmp_path: Path) -> Path:
    """A model with a tokenizer of its own."""
    folder = tmp_path / "chatting"
    transformers.AutoModelForCausalLM.from_pretrained(site / "full").save_pretrained(folder)
    return folder


def opened(folder: Path) -> object:
    from evaluator.artefacts import Artefact  # noqa: PLC0415

    return Artefact("candidate", folder, "merged", "0" * 64)


def test_a_chat_template_says_where_the_prompt_ends_and_calls_are_written_as_it_writes_them(chatting: Path) -> None:
    tokenizer(chatting)
    tokens = transformers_model.load(opened(chatting), "tokenizer").tokens  # type: ignore[arg-type]
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Ulm"}'}}
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"properties": {"city": {}}}}}
    said = [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    case = case_of({"messages": said, "tools": [tool]})
    encoded = tokens.encode(case)
    assert case.calls == (Call("weather", {"city": "Ulm"}),)
    assert tokens.decode(encoded.prompt) == "<s>[weather]<user>Rain?<assistant>"
    assert tokens.decode(encoded.answer) == '{"name": "weather", "arguments": {"city": "Ulm"}}'
    assert (encoded.answer[-1], encoded.answer.count(tokens.end)) == (tokens.end, 1)


def test_a_missing_tokenizer_is_named(chatting: Path) -> None:
    with pytest.raises(Failure, match=r"candidate: expected a tokenizer at .*tokenizer\.json"):
        transformers_model.load(opened(chatting), "tokenizer")  # type: ignore[arg-type]


def test_a_template_that_writes_the_beginning_otherwise_is_refused(chatting: Path) -> None:
    tokenizer(chatting, "{{ messages | length }}" + TEMPLATE)
    tokens = transformers_model.load(opened(chatting), "tokenizer").tokens  # type: ignore[arg-type]
    with pytest.raises(Failure, match="chat template"):
        tokens.encode(
            Case(
                (Message("user", "a", {"role": "user", "content": "a"}),),
                Message("assistant", "b", {"role": "assistant", "content": "b"}),
            )
        )
