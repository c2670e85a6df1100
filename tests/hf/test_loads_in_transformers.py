"""Models of the CPU trainer, loaded by transformers and PEFT, say token for token what the trainer's own code says.

Run by `make test-hf` in its own environment (requirements/hf.in); skipped where transformers is not installed. The hub
is switched off, so that everything comes from the model's own folder.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

from cpu_trainer import huggingface  # noqa: E402 - after the skip
from cpu_trainer.finetune import finetune  # noqa: E402
from cpu_trainer.generate import answer  # noqa: E402
from cpu_trainer.model import logits  # noqa: E402
from cpu_trainer.prepare import Base, prepare  # noqa: E402
from cpu_trainer.staged import by_hand  # noqa: E402
from cpu_trainer.tuning import Duration, Tuning  # noqa: E402

TOKENS = 32
GREETINGS = Path(__file__).parents[2] / "examples" / "greetings" / "train.jsonl"
PROMPTS = (
    "Greet the sailor from the island in the evening.",
    "Greet the doctor from the desert in the morning.",
    "Extract: The red kettle costs 3 coins.",
    "Spell lamp.",
    "Grüezi!",
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(Base(steps=150), tmp_path_factory.mktemp("cache")).folder


@pytest.fixture(scope="module")
def models(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {mode: tmp_path_factory.mktemp(mode) for mode in ("lora", "full")}
    registered = os.environ.get("DROPFORGE_MODEL")
    if registered:  # the model that `make demo` registered, instead of one made here
        folders["registered"] = Path(registered)
    for mode in ("lora", "full"):
        folder = folders[mode]
        tuning = Tuning(mode, Duration(steps=30), 8, 4e-3, 8, 16.0, 42, 160, "dropforge/tiny-llama")
        finetune(by_hand(GREETINGS), base, folder, tuning)
    return folders


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def loaded(folder: Path) -> Any:
    model, report = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    return model.eval()


def theirs(model: Any, prompt_ids: list[int]) -> list[int]:
    ids = torch.tensor([prompt_ids])
    with torch.no_grad():
        spoken = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=TOKENS
        )
    found: list[int] = spoken[0, len(prompt_ids) :].tolist()
    return found


def agree(model: Any, folder: Path) -> set[str]:
    """Compare every prompt and return what was said."""
    said = set()
    for prompt in PROMPTS:
        ours = answer(folder, prompt, TOKENS)
        assert theirs(model, ours.prompt_ids) == ours.ids, prompt
        said.add(ours.text)
    assert len(said) > 1
    return said


def test_the_base_alone_says_the_same(models):
    agree(loaded(models["lora"] / "base"), models["lora"] / "base")


def test_base_and_adapter_say_the_same_and_not_what_the_base_says(models):
    folder = models["lora"]
    model = peft.PeftModel.from_pretrained(loaded(folder / "base"), folder).eval()
    said = agree(model, folder)
    assert said != {answer(folder / "base", prompt, TOKENS).text for prompt in PROMPTS}


def test_the_registered_model_says_the_same(models):
    if "registered" not in models:
        pytest.skip("DROPFORGE_MODEL names no model: run `make test-hf`")
    folder = models["registered"]
    agree(peft.PeftModel.from_pretrained(loaded(folder / "base"), folder).eval(), folder)


def test_the_adapter_is_loaded_entirely(models):
    folder = models["lora"]
    model = peft.PeftModel.from_pretrained(loaded(folder / "base"), folder)
    theirs_found = {name: tuple(tensor.shape) for name, tensor in peft.get_peft_model_state_dict(model).items()}
    ours = huggingface.load(folder).adapter
    assert ours is not None
    assert theirs_found == {huggingface.PEFT_PREFIX + name: array.shape for name, array in ours.weights.items()}


def test_the_merged_model_says_the_same(models):
    folder = models["lora"]
    agree(peft.PeftModel.from_pretrained(loaded(folder / "base"), folder).merge_and_unload().eval(), folder)


def test_the_fully_trained_model_says_the_same(models):
    agree(loaded(models["full"]), models["full"])


def test_the_scores_agree_to_a_thousandth(models):
    prompt_ids = answer(models["full"], PROMPTS[0], 1).prompt_ids
    with torch.no_grad():
        theirs_scored = loaded(models["full"])(torch.tensor([prompt_ids])).logits.numpy()
    ours = logits(huggingface.load(models["full"]), torch.tensor([prompt_ids]).numpy())
    assert abs(theirs_scored - ours).max() < 1e-3


def test_the_adapter_names_its_base(models):
    settings = json.loads((models["lora"] / huggingface.ADAPTER_CONFIG).read_text())
    assert settings["base_model_name_or_path"] == "dropforge/tiny-llama"
