"""Damage as it happens: what one fault does to a whole checkpoint, and which files a refusal may name for it."""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

from dropforge.errors import InvalidInput
from safetensors.numpy import save

from tests.domain.checkpoint_corpus import GOOD, Files, adapter, arrays, below, dcp, factors, opened
from tests.domain.torch_shaped import torch_saved

Damaged = tuple[Files, set[str]]
WEIGHTS = (".safetensors", ".bin", ".distcp")
IGNORED = ("/shard-",)  # AutoModel's own shards beside a consolidated model: nobody serves them


def weights(files: Files, *suffixes: str) -> list[str]:
    return sorted(p for p in files if p.endswith(suffixes or WEIGHTS) and not any(part in p for part in IGNORED))


def named(files: Files, name: str) -> str | None:
    return next((path for path in sorted(files) if path.rpartition("/")[2] == name), None)


def changed(files: Files, path: str, content: bytes, *others: str) -> Damaged:
    return {**files, path: content}, {path, *others}


def without(files: Files, path: str, *others: str) -> Damaged:
    return {name: content for name, content in files.items() if name != path}, {path, *others}


def on_weights(change: Callable[[bytes], bytes]) -> Callable[[Files], Iterator[Damaged]]:
    return lambda files: (changed(files, path, change(files[path])) for path in weights(files))


def missing(files: Files) -> Iterator[Damaged]:
    return (
        without(files, path, f"{path.rpartition('/')[0]}/.metadata".lstrip("/"), index_of(path), *usual(path))
        for path in weights(files)
    )


def usual(path: str) -> set[str]:
    """Where the only file of weights is gone, nothing tells that it was torch.save's, and the usual one is asked for."""
    return {path.replace(".bin", ".safetensors"), path.replace("pytorch_model.bin", "model.safetensors")}


def index_of(path: str) -> str:
    stem, _, suffix = path.rpartition(".")
    return f"{stem.partition('-0')[0]}.{suffix}.index.json"


def swapped(files: Files) -> Iterator[Damaged]:
    for first, second in zip(weights(files), weights(files)[1:], strict=False):
        if first.rpartition("/")[0] == second.rpartition("/")[0]:
            yield {**files, first: files[second], second: files[first]}, {first, second}


def stray(files: Files) -> Iterator[Damaged]:
    for path in weights(files)[:1]:
        place, slash, name = path.rpartition("/")
        stem = name.partition(".")[0].partition("-0")[0]
        extra = "__9_0.distcp" if name.endswith(".distcp") else f"{stem}-00009-of-00009.{name.rpartition('.')[2]}"
        yield {**files, place + slash + extra: files[path]}, {place + slash + extra, index_of(path)}


def header(change: Callable[[dict[str, Any]], object]) -> Callable[[Files], Iterator[Damaged]]:
    def damage(files: Files) -> Iterator[Damaged]:
        for path in weights(files, ".safetensors")[:1]:
            raw = files[path]
            (length,) = struct.unpack("<Q", raw[:8])
            document = json.loads(raw[8 : 8 + length])
            change(document)
            text = json.dumps(document).encode()
            yield changed(files, path, struct.pack("<Q", len(text)) + text + raw[8 + length :])

    return damage


def overlap(document: dict[str, Any]) -> None:
    entries = sorted(
        (entry for name, entry in document.items() if name != "__metadata__"), key=lambda e: e["data_offsets"]
    )
    shift = entries[0]["data_offsets"][1] - entries[0]["data_offsets"][0]
    entries[1]["data_offsets"] = [offset - shift for offset in entries[1]["data_offsets"]]


def unknown_type(document: dict[str, Any]) -> None:
    next(entry for name, entry in document.items() if name != "__metadata__")["dtype"] = "F12"


def garbled_header(files: Files) -> Iterator[Damaged]:
    for path in weights(files, ".safetensors"):
        yield changed(files, path, files[path][:8] + b"\x00" * 8 + files[path][16:])
    for path in (p for p in sorted(files) if p.endswith(".metadata")):
        yield changed(files, path, files[path][:60])


def of_json(name: str, change: Callable[[Any], object], *others: str) -> Callable[[Files], Iterator[Damaged]]:
    def damage(files: Files) -> Iterator[Damaged]:
        for path in (
            p for p in sorted(files) if p.rpartition("/")[2] == name or (name == "index" and p.endswith(".index.json"))
        ):
            document = json.loads(files[path])
            change(document)
            yield changed(files, path, json.dumps(document).encode(), *weights(files), *others)

    return damage


def wrong_rank(config: dict[str, Any]) -> None:
    config["r"] = 16


def no_base(config: dict[str, Any]) -> None:
    config.pop("base_model_name_or_path", None)
    config.pop("model_ckpt_path", None)


def forget(index: dict[str, Any]) -> None:
    index["weight_map"].popitem()


def elsewhere(index: dict[str, Any]) -> None:
    first, *_, last = index["weight_map"]
    index["weight_map"][first] = index["weight_map"][last]


def other_total(index: dict[str, Any]) -> None:
    index["metadata"]["total_size"] += 2


def lead_out(index: dict[str, Any]) -> None:
    first = next(iter(index["weight_map"]))
    index["weight_map"][first] = "../../etc/passwd.safetensors"


def half_pair(files: Files) -> Iterator[Damaged]:
    for path in (p for p in weights(files) if p.rpartition("/")[2].startswith("adapter_model")):
        kept = dict(list(factors().items())[1:])
        yield changed(files, path, torch_saved(kept) if path.endswith(".bin") else save(kept))


NEEDED = (
    "adapter_config.json",
    "config.json",
    "io.json",
    "metadata.json",
    "common.pt",
    "run_config.yaml",
    "train_state.pt",
    ".metadata",
)


def needed_gone(files: Files) -> Iterator[Damaged]:
    """Shapes need different ones of these files; where one is there and not needed, its loss is none."""
    for path in (
        p
        for p in sorted(files)
        if p.rpartition("/")[2] in NEEDED and "hf_weights" not in files and not is_spare(files, p)
    ):
        yield without(files, path)


def is_spare(files: Files, path: str) -> bool:
    return path.startswith("step=40/context/") or (
        path.startswith("peft_full") and path.endswith("/config.json") and "final-model" not in path
    )


def needed_empty(files: Files) -> Iterator[Damaged]:
    for path in (p for p in sorted(files) if p.rpartition("/")[2] in NEEDED and not is_spare(files, p)):
        yield changed(files, path, b"")


def unfinished(files: Files) -> Iterator[Damaged]:
    place = next((p for p in (root_of(path) for path in sorted(files)) if p), "")
    if place and "llmft" not in place and place != "model/":
        yield {**files, f"{place.rstrip('/')}-unfinished": b""}, {f"{place.rstrip('/')}-unfinished"}
    path = named(files, "config.json") or named(files, "adapter_config.json") or named(files, "run_config.yaml")
    if path and not is_spare(files, path):
        yield {**files, f"{path}.tmp": b""}, {f"{path}.tmp"}

    if "weights/metadata.json" in files:
        yield {**below("step=40/", files), "step=40-unfinished": b""}, {"step=40-unfinished"}
    for path in [p for p in sorted(files) if p.endswith(".metadata")][:1]:
        yield {**without(files, path)[0], f"{path}.tmp": files[path]}, {f"{path}.tmp", path}


def root_of(path: str) -> str:
    return next((f"{part}/" for part in path.split("/")[:1] if "step_" in part or "step=" in part), "")


def two_runs(files: Files) -> Iterator[Damaged]:
    """Files of another run of the same shape are copied over some of these, or an adapter into a model's folder."""
    if (path := named(files, "model.safetensors")) and "final-model" not in path:
        place = path.removesuffix("model.safetensors")
        yield {**files, **{place + name: content for name, content in adapter().items()}}, {path}
    for path in [p for p in sorted(files) if p.endswith("__0_0.distcp")][:1]:
        other = dict(list(arrays(3).items())[:2])
        yield changed(files, path, b"".join(torch_saved({name: array}) for name, array in other.items()))
    for path in [p for p in weights(files, ".safetensors") if "-0000" in p][:1]:
        yield changed(files, path, save({"other.weight": arrays(3)["model.layers.1.weight"]}))


def stale_metadata(files: Files) -> Iterator[Damaged]:
    for path in [p for p in sorted(files) if p.endswith(".metadata")][:1]:
        place = path.removesuffix(".metadata")
        pieces = {place + name for name in ("__0_0.distcp", "__1_0.distcp", "__8_0.distcp")}
        yield changed(files, path, dcp(0, {"__1_0.distcp": "__8_0.distcp"})[".metadata"], *pieces)


def metadata_leads_out(files: Files) -> Iterator[Damaged]:
    for path in [p for p in sorted(files) if p.endswith(".metadata")][:1]:
        yield changed(files, path, dcp(0, {"__1_0.distcp": "../../x.distcp"})[".metadata"])


DAMAGE: dict[str, Callable[[Files], Iterator[Damaged]]] = {
    "last byte gone": on_weights(lambda raw: raw[:-1]),
    "cut in half": on_weights(lambda raw: raw[: len(raw) // 2]),
    "tail added": on_weights(lambda raw: raw + b"\0" * 9),
    "weights empty": on_weights(lambda _: b""),
    "weights missing": missing,
    "shards swapped": swapped,
    "extra shard": stray,
    "description garbled": garbled_header,
    "offsets overlap": header(overlap),
    "unknown type": header(unknown_type),
    "wrong rank": of_json("adapter_config.json", wrong_rank),
    "half of a pair": half_pair,
    "no base named": of_json("adapter_config.json", no_base),
    "base not named (NeMo)": of_json("adapter_metadata.json", no_base),
    "index forgets a tensor": of_json("index", forget),
    "index names another shard": of_json("index", elsewhere),
    "index has another total": of_json("index", other_total),
    "index leads out": of_json("index", lead_out),
    "needed file missing": needed_gone,
    "needed file empty": needed_empty,
    "unfinished marker": unfinished,
    "two runs mixed": two_runs,
    ".metadata stale": stale_metadata,
    ".metadata leads out": metadata_leads_out,
}


def cases() -> Iterator[tuple[str, str, Files, set[str]]]:
    """Every damage on every shape that can have it: shape, damage, files, and the files that may be named."""
    for shape, (make, _, _) in GOOD.items():
        for damage, do in DAMAGE.items():
            for files, blamed in do(make()):
                yield shape, damage, files, blamed


def is_refused(files: Files) -> bool:
    try:
        opened(files)
    except InvalidInput:
        return True
    return False


def table() -> str:
    """How many faults of each kind are planted on each shape and how many are refused, as Markdown; whole checkpoints are opened first."""
    counted: dict[str, dict[str, int]] = {damage: dict.fromkeys(GOOD, 0) for damage in DAMAGE}
    refused = 0
    for shape, damage, files, _ in cases():
        counted[damage][shape] += 1
        refused += is_refused(files)
    numbers = {shape: n for n, shape in enumerate(GOOD, 1)}
    accepted = sum(not is_refused(make()) for make, _, _ in GOOD.values())
    head = f"| fault | {' | '.join(map(str, numbers.values()))} |"
    rows = [f"| {damage} | {' | '.join(str(n or '') for n in row.values())} |" for damage, row in counted.items()]
    key = "; ".join(f"{n} {shape}" for shape, n in numbers.items())
    total = sum(sum(row.values()) for row in counted.values())
    said = f"Whole: {len(GOOD)}, accepted: {accepted}. Planted faults: {total}, refused: {refused}."
    return "\n".join([said, "", f"Layouts: {key}.", "", head, "|---|" + "--:|" * len(numbers), *rows])
