"""Models of transformers and PEFT, in torch. Everything is read from folders: what is not there is an error, never a download."""

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from cpu_trainer.errors import Failure

from .artefacts import ADAPTER_WEIGHTS, Artefact, missing
from .byte_tokens import ByteTokens
from .cases import Case, Message
from .language_models import Encoded, Ids, Score, Tokens, left_padded, up_to_end

os.environ["HF_HUB_OFFLINE"] = "1"
import peft
import safetensors
import torch
import transformers

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
POSITIONS = 4096  # where a configuration does not say


class ChatTokens:
    """A tokenizer with its chat template, as the model's folder or its base's has them."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.end = int(tokenizer.eos_token_id)
        self.pad = self.end if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)

    def encode(self, case: Case) -> Encoded:
        """Return the ids of a case; the answer is what the template adds to the prompt for it."""
        tools = list(case.tools) or None
        before = [_templated(message) for message in case.before]
        how = {"tools": tools, "tokenize": True, "return_dict": False}
        prompt = self._tokenizer.apply_chat_template(before, add_generation_prompt=True, **how)
        whole = self._tokenizer.apply_chat_template([*before, _templated(case.answer)], **how)
        if whole[: len(prompt)] != prompt:
            cause = "the chat template writes a conversation's beginning otherwise once its answer is known"
            raise Failure(
                "bad-template", cause, "evaluate with a template whose prompt is a prefix of the conversation"
            )
        return Encoded(tuple(prompt), tuple(up_to_end(whole[len(prompt) :], self.end)))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of an answer, with marks of calls and without its end."""
        text: str = self._tokenizer.decode([token for token in ids if token != self.end])
        return text


def _templated(message: Message) -> dict[str, object]:
    """Return a message as templates take it: the arguments of a call as an object."""
    raw = dict(message.raw)
    calls = raw.get("tool_calls")
    if isinstance(calls, list):
        functions = [{**call["function"], "arguments": json.loads(call["function"]["arguments"])} for call in calls]
        raw["tool_calls"] = [{**call, "function": f} for call, f in zip(calls, functions, strict=True)]
    return raw


class TransformersModel:
    """A causal language model of transformers, with or without an adapter of PEFT."""

    def __init__(self, model: Any, tokens: Tokens) -> None:
        self.tokens = tokens
        self.positions = int(getattr(model.config, "max_position_embeddings", POSITIONS))
        self._model = model.eval()

    def score(self, batch: Sequence[Encoded]) -> list[Score]:
        """Score the answers given their prompts, all in one pass; sums are float64."""
        ids, mask = self._padded([(*one.prompt, *one.answer) for one in batch])
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        with torch.inference_mode():
            scores = self._model(
                input_ids=ids[:, :-1], attention_mask=mask[:, :-1], position_ids=positions[:, :-1]
            ).logits
        return [_score(scores[place, -len(one.answer) :], one.answer) for place, one in enumerate(batch)]

    def answer(self, prompts: Sequence[Ids], limit: int) -> list[Ids]:
        """Continue the prompts together with their likeliest tokens."""
        ids, mask = self._padded(prompts)
        how = {"max_new_tokens": limit, "do_sample": False, "num_beams": 1}
        marks = {"pad_token_id": self.tokens.pad, "eos_token_id": self.tokens.end}
        with torch.inference_mode():
            whole = self._model.generate(input_ids=ids, attention_mask=mask, **how, **marks)
        return [up_to_end(row, self.tokens.end) for row in whole[:, ids.shape[1] :].tolist()]

    def _padded(self, rows: Sequence[Ids]) -> tuple[Any, Any]:
        padded, padding = left_padded(rows, self.tokens.pad)
        ids = torch.tensor(padded, device=self._model.device)
        mask = torch.arange(ids.shape[1], device=ids.device)[None] >= torch.tensor(padding, device=ids.device)[:, None]
        return ids, mask.long()


def _score(scores: Any, answer: Ids) -> Score:
    wanted = torch.tensor(answer, device=scores.device)
    said = torch.log_softmax(scores.double(), -1).gather(-1, wanted[:, None])
    return Score(float(-said.sum()), len(answer), bool((scores.argmax(-1) == wanted).all()))


def load(artefact: Artefact, tokens: str) -> TransformersModel:
    """Load what was opened, with the CPU trainer's byte tokens (`bytes`) or the tokenizer beside it (`tokenizer`)."""
    own = artefact.base if artefact.base is not None else artefact.folder
    how = {"local_files_only": True, "dtype": "auto", "use_safetensors": True, "output_loading_info": True}
    model, found = transformers.AutoModelForCausalLM.from_pretrained(own, **how)
    _require_all(artefact, own, found["missing_keys"])
    if artefact.base is not None:
        model = peft.PeftModel.from_pretrained(model, artefact.folder, is_trainable=False)
        _require_all(artefact, artefact.folder, _unwritten(model, artefact.folder))
    if torch.cuda.is_available():
        model = model.to("cuda")
    return TransformersModel(model, ByteTokens() if tokens == "bytes" else _tokenizer(artefact, own))


def _unwritten(model: Any, folder: Path) -> set[str]:
    """Return the tensors of a loaded adapter that its file does not hold: PEFT would start them from nothing and only warn."""
    with safetensors.safe_open(folder / ADAPTER_WEIGHTS, "pt") as file:
        return set(peft.get_peft_model_state_dict(model)) - set(file.keys())


def _require_all(artefact: Artefact, folder: Path, unwritten: Collection[str]) -> None:
    """Refuse a model of which something was made up: it would be another model, or its base."""
    if unwritten:
        raise missing(artefact.role, folder, f"tensor {min(unwritten)}")


def _tokenizer(artefact: Artefact, own: Path) -> ChatTokens:
    for folder in (artefact.folder, own):
        if any((folder / name).is_file() for name in TOKENIZERS):
            return ChatTokens(transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True))
    raise missing(artefact.role, own / TOKENIZERS[0], "a tokenizer")
