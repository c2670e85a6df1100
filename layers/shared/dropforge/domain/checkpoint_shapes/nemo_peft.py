"""NeMo 2.0's adapters: a distributed checkpoint of the adapter alone; `weights/adapter_metadata.json` says where the base lies."""

from dropforge.domain.checkpoint_shapes import nemo
from dropforge.domain.checkpoint_shapes.contents import Contents
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import shown
from dropforge.domain.checkpoint_shapes.shape import Shape, where

ADAPTER = "weights/adapter_metadata.json"


def check(folder: Folder) -> Contents:
    """Check an adapter and that it names its base. Raises NotWhole or Unfinished."""
    base = folder.read_json(ADAPTER).get("model_ckpt_path")
    if not isinstance(base, str) or not base:
        raise folder.broken(ADAPTER, "it does not say where the base model lies (`model_ckpt_path`).")
    remark = "Its base model is a path of the cluster that trained it; whether it still exists is not seen from here."
    return nemo.check(folder)._replace(base_model=shown(base), remarks=(remark,))


SHAPE = Shape("nemo-peft", "an adapter of NeMo 2.0", where(r"weights/adapter_metadata\.json"), check)
