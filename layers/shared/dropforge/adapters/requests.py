"""The run request of an upload: the deployment's defaults, the project's run.yaml on them, the upload's own block on both."""

import yaml

from dropforge.adapters import settings, storage
from dropforge.domain.requests import RunRequest, fault_of, lay, read_request
from dropforge.domain.uploads import PREFIX, PROJECT_DEFAULTS, RunBlock
from dropforge.errors import InvalidInput

LIMIT = 64 * 1024  # bytes of a run.yaml


def read(bucket: str, project: str, own: RunBlock) -> RunRequest:
    """Return the request for an upload of a project. Raises InvalidInput (BadRunRequest) naming the key, and the line when run.yaml is wrong."""
    key = f"{PREFIX}{project}/{PROJECT_DEFAULTS}"
    raw = storage.read_newest(bucket, key, LIMIT + 1)
    below = settings.default_run()
    return read_request(lay(below, _parse(raw, key)) if raw else below, own)


def _parse(raw: bytes, key: str) -> RunBlock:
    if len(raw) > LIMIT:
        raise _bad(key, f"it has more than {LIMIT:,} bytes.")
    try:
        text = raw.decode("utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.CSafeLoader)):
            raise _bad(key, "it uses an alias (`*name`); write the value out.")
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        block = yaml.load(text, Loader=yaml.CSafeLoader)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise _bad(key, f"it is not YAML: {' '.join(str(error).split())}.") from error
    return _valid(block, node, key)


def _valid(block: object, node: yaml.Node | None, key: str) -> RunBlock:
    if block is None:
        return {}
    if not isinstance(block, dict) or not all(isinstance(name, str) for name in block):
        raise _bad(key, "it must be keys with values, as docs/journey.md lists them.")
    fault = fault_of(block)
    if fault is not None:
        raise _bad(f"{key} line {_line_of(node, fault[0])}", fault[1])
    return block


def _line_of(node: yaml.Node | None, path: tuple[str, ...]) -> int:
    """Return the line (from 1) of the deepest key of `path` that stands in the document."""
    line = 1
    for part in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((name, value) for name, value in pairs if name.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _bad(where: str, why: str) -> InvalidInput:
    return InvalidInput("BadRunRequest", f"{where}: {why}")
