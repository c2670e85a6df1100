"""The environment, command and folder of a container, from its manifest and its image.

Nothing of the host's own environment gets in: a program that works here must not lean on a developer's shell.
"""

import base64
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from localcloud.kubernetes.api import Api
from localcloud.kubernetes.images import Image
from localcloud.kubernetes.objects import Object, dig, namespace_of, uid_of
from localcloud.kubernetes.resources import CONFIG_MAPS, SECRETS, Resource

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.\-][\w.\-]*)\)")
_FIELD = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")


class ConfigurationError(Exception):
    """The manifest refers to something that is not there; the message names it."""


def variables(api: Api, pod: Object, container: Object, image: Image, home: Path) -> dict[str, str]:
    """Give the whole environment of a container; ConfigurationError for a missing secret, key or field."""
    path = ":".join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
    found = {"PATH": path, "HOME": str(home), "PYTHONPATH": str(image.root), **image.env}
    for source in container.get("envFrom") or []:
        found |= _from_source(api, pod, source)
    for variable in container.get("env") or []:
        value = _value(api, pod, variable, found)
        if value is not None:
            found[variable["name"]] = value
    return found


def _from_source(api: Api, pod: Object, source: Object) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    kind, key = (SECRETS, "secretRef") if "secretRef" in source else (CONFIG_MAPS, "configMapRef")
    reference = source.get(key) or {}
    values = _texts(api, pod, kind, reference)
    return {f"{prefix}{name}": value for name, value in values.items()}


def _texts(api: Api, pod: Object, kind: Resource, reference: Object) -> dict[str, str]:
    found = api.store.get(kind, namespace_of(pod), reference.get("name") or "")
    if found is None:
        if reference.get("optional"):
            return {}
        raise ConfigurationError(f'{kind.kind.lower()} "{reference.get("name")}" not found')
    if kind is CONFIG_MAPS:
        return dict(found.get("data") or {})
    decoded = {name: base64.b64decode(text).decode() for name, text in (found.get("data") or {}).items()}
    return {**decoded, **(found.get("stringData") or {})}


def _value(api: Api, pod: Object, variable: Object, known: Mapping[str, str]) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return expand(variable.get("value") or "", known)
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    for key, kind in (("secretKeyRef", SECRETS), ("configMapKeyRef", CONFIG_MAPS)):
        if key in source:
            return _key(api, pod, kind, source[key])
    raise ConfigurationError(f"the local cluster does not support {', '.join(source)} in env {variable['name']}")


def _key(api: Api, pod: Object, kind: Resource, reference: Object) -> str | None:
    texts = _texts(api, pod, kind, reference)
    if reference["key"] in texts:
        return texts[reference["key"]]
    if reference.get("optional"):
        return None
    message = f"couldn't find key {reference['key']} in {kind.kind} {namespace_of(pod)}/{reference['name']}"
    raise ConfigurationError(message)


def _field(pod: Object, path: str) -> str:
    if found := _FIELD.match(path):
        return str((pod["metadata"].get(found[1]) or {}).get(found[2], ""))
    known = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": namespace_of(pod),
        "metadata.uid": uid_of(pod),
        "spec.nodeName": dig(pod, "spec", "nodeName"),
        "spec.serviceAccountName": dig(pod, "spec", "serviceAccountName") or "default",
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    if path not in known:
        raise ConfigurationError(f"the local cluster does not support the field {path}")
    return str(known[path])


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by its value; an unknown name stays as written and `$$` means `$`."""

    def replaced(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else known.get(found[1], found[0])

    return _REFERENCE.sub(replaced, text)


def command(container: Object, known: Mapping[str, str]) -> list[str]:
    """Give command and args; the program `python` is the interpreter this cluster runs on."""
    words = [expand(word, known) for word in [*(container.get("command") or []), *(container.get("args") or [])]]
    if words and words[0] in ("python", "python3"):
        words[0] = sys.executable
    return words
