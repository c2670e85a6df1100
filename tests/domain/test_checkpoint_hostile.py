"""Files that somebody made to harm: a refusal, never a crash, never a call, never a run without end."""

import contextlib
import json
import pickle
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from dropforge.domain.checkpoint_shapes.pickled import UnreadableError, look
from dropforge.domain.checkpoint_shapes.refusals import shown
from dropforge.errors import InvalidInput
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.domain.checkpoint_corpus import GOOD, MODEL, Files, adapter, dcp, jsons, model, nemo, opened, sharded

CALLED: list[str] = []
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def safely(files: Files) -> str:
    """Open files and return the code of the refusal, or an empty text; any other exception is the test's failure."""
    try:
        opened(files).model_dump_json()
    except InvalidInput as problem:
        found = problem.failure
    else:
        return ""
    found.model_dump_json().encode()
    assert found.why.isprintable()
    return found.code


def spring(text: str) -> None:
    CALLED.append(text)


class Trap:
    """A pickle that calls something when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return spring, ("called",)


def test_a_pickle_is_never_run() -> None:
    raw = pickle.dumps(Trap())
    assert safely({**dcp(), ".metadata": raw}) == "CheckpointDamaged"
    look(raw)
    assert CALLED == []
    pickle.loads(raw)  # noqa: S301  the trap works: run, it would have been noticed
    assert CALLED.pop() == "called"


@QUIET
@given(st.binary(max_size=300))
def test_any_bytes_are_looked_at_as_a_pickle_or_refused(raw: bytes) -> None:
    with contextlib.suppress(UnreadableError):
        look(raw)


@QUIET
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda i: st.lists(i) | st.dictionaries(st.text(), i) | st.tuples(i, i),
        max_leaves=20,
    ),
    st.integers(0, 5),
)
def test_plain_values_are_seen_as_pickle_sees_them(value: Any, protocol: int) -> None:
    assert _plain(look(pickle.dumps(value, protocol))) == _plain(value)


def _plain(value: Any) -> Any:
    """Old protocols make sets, bytes and such by calls; of those only that they are there is compared."""
    if hasattr(value, "maker") or isinstance(value, bytes):
        return "made"
    if isinstance(value, dict):
        return [(key, _plain(item)) for key, item in value.items()]
    if type(value).__name__ == "Pairs":
        return [(key, _plain(item)) for key, item in value]
    return type(value)(map(_plain, value)) if isinstance(value, (list, tuple)) else value


def test_a_pickle_that_doubles_itself_costs_no_memory_and_no_time() -> None:
    nested: list[Any] = []
    for _ in range(200):
        nested = [nested, nested]
    begun = time.process_time()
    look(pickle.dumps(nested))
    assert safely({**dcp(), ".metadata": pickle.dumps({"storage_data": nested})}) == "CheckpointDamaged"
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b".",
        b"(",
        b"0.",
        b"\x80\x04.",
        b"h\x05.",
        b"\x85.",
        b"R.",
        b"b.",
        b"s.",
        b"(s.",
        b"\x8c\x05hello\x93.",
        b"\x82\x01.",
    ],
)
def test_a_pickle_that_takes_from_an_empty_stack_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        look(raw)


@QUIET
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_any_byte_of_any_file_may_change(name: str, data: st.DataObject) -> None:
    files = GOOD[name][0]()
    path = data.draw(st.sampled_from(sorted(files)))
    raw = bytearray(files[path])
    for _ in range(data.draw(st.integers(1, 4))):
        if raw:
            raw[data.draw(st.integers(0, min(len(raw), 400) - 1))] = data.draw(st.integers(0, 255))
    safely({**files, path: bytes(raw)})


@QUIET
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_any_file_may_hold_any_json(name: str, data: st.DataObject) -> None:
    files = GOOD[name][0]()
    path = data.draw(st.sampled_from([p for p in sorted(files) if p.endswith(".json")] or sorted(files)))
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    )
    keys = st.sampled_from(
        ["weight_map", "metadata", "r", "base_model_name_or_path", "sharded_backend", "model_ckpt_path", "peft_type"]
    )
    safely({**files, path: jsons(data.draw(st.dictionaries(keys, anything, max_size=4)))})


@QUIET
@given(st.dictionaries(st.text(min_size=1, max_size=30), st.binary(max_size=40), max_size=8))
def test_any_names_may_lie_in_a_folder(files: Files) -> None:
    assert safely(files) != ""


PARTS = st.sampled_from(
    [
        "checkpoint-20",
        "weights",
        "context",
        "model",
        "optim",
        "hf",
        "..",
        "",
        ".",
        "iter_0000001",
        "sharded",
        "tp0_ep0",
        "full",
        "steps_1",
        "a" * 300,
    ]
)
NAMES = st.sampled_from(
    [
        "config.json",
        ".metadata",
        "__0_0.distcp",
        "model.safetensors",
        "model.safetensors.index.json",
        "adapter_config.json",
        "adapter_model.bin",
        "run_config.yaml",
        "io.json",
        "pytorch_model.bin",
        "manifest.json",
        "_SUCCESS.json",
        "step_scheduler.pt",
        "x\n\x1b[31m",
        "�",
    ]
)


@QUIET
@given(
    st.dictionaries(
        st.builds(lambda parts, name: "/".join([*parts, name]), st.lists(PARTS, max_size=3), NAMES),
        st.binary(max_size=60),
        max_size=10,
    )
)
def test_known_names_may_lie_anywhere_with_anything_in_them(files: Files) -> None:
    safely(files)


def header(text: bytes, length: int | None = None) -> Files:
    return {**model(), "model.safetensors": struct.pack("<Q", len(text) if length is None else length) + text}


@pytest.mark.parametrize(
    "files",
    [
        header(b"{}", 1 << 63),
        header(b"{}", 99_999_999),
        header(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        header(b"[" * 200_000),
        header(b'{"a": {"dtype": "F32", "shape": [1e400], "data_offsets": [0, 4]}}'),
        header(b'{"a": {"dtype": "F32", "shape": [9223372036854775807, 9223372036854775807], "data_offsets": [0, 4]}}'),
        header(b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}'),
        header(json.dumps({"a": {"dtype": "F32", "shape": [1] * 100_000, "data_offsets": [0, 4]}}).encode()),
        header(
            b'{"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}, "a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}'
        ),
        header(b"\xff\xfe{}"),
        {**sharded(), "model.safetensors.index.json": b'{"weight_map": {"a": "/etc/passwd"}}'},
        {**sharded(), "model.safetensors.index.json": b'{"weight_map": {"a": "..\\\\x.safetensors"}}'},
        {**sharded(), "model.safetensors.index.json": b'{"weight_map": {"a": "config.json"}}'},
        {**adapter(), "adapter_config.json": b'{"r": true, "base_model_name_or_path": "x"}'},
        {
            **adapter(),
            "adapter_config.json": jsons({"r": 2, "base_model_name_or_path": "x", "rank_pattern": {"a": "b"}}),
        },
    ],
)
def test_a_hostile_file_is_refused(files: Files) -> None:
    begun = time.process_time()
    assert safely(files) == "CheckpointDamaged"
    assert time.process_time() - begun < 2


def test_a_deep_configuration_is_refused_or_read() -> None:
    assert safely({**model(), "config.json": b'{"a":' * 100_000 + b"1" + b"}" * 100_000}) == "CheckpointDamaged"
    assert safely({**nemo(), "context/io.json": b"[" * 100_000}) == "CheckpointDamaged"


def test_foreign_text_cannot_steer_a_terminal() -> None:
    assert shown("a\x1b[31mb\r\nc\ud800") == "a\\x1b[31mb\\r\\nc\\ud800"
    assert len(shown("x" * 10_000)) == 160
    assert safely({**model(), "config.json": jsons({**MODEL, "_name_or_path": "\x1b]0;owned\x07"})}) == ""
    assert opened({**model(), "config.json": jsons({**MODEL, "_name_or_path": "\x1b]0;x"})}).base_model == "\\x1b]0;x"
