"""The controller of CustomResourceDefinitions: accepts their names, establishes them, and empties those that are going.

A definition waits for its last object by a finalizer, so a finalizer of an object holds its definition, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.kubernetes.api import Api, place_of
from localcloud.kubernetes.deletion import Deletion, delete
from localcloud.kubernetes.kinds import resource_of
from localcloud.kubernetes.objects import Object, dig, is_deleted, is_true, name_of, set_condition
from localcloud.kubernetes.resources import BUILT_IN, DEFINITIONS

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_NAMES = {
    "plural": "Plural",
    "singular": "Singular",
    "shortNames": "ShortNames",
    "kind": "Kind",
    "listKind": "ListKind",
}


@dataclass(frozen=True)
class Definitions:
    """The definitions of one cluster."""

    api: Api

    def reconcile(self) -> float | None:
        """Bring every definition's status up to date, and end those that are deleted and empty."""
        for definition in self.api.store.all_of(DEFINITIONS):
            if is_deleted(definition):
                self._end(definition)
            else:
                self._accept(definition)
        return None

    def _accept(self, definition: Object) -> None:
        conflicts = dict(self._conflicts(definition))
        conditions = [dict(one) for one in dig(definition, "status", "conditions") or []]
        for fresh in _conditions(definition, conflicts):
            set_condition(conditions, fresh)
        status = {
            "conditions": conditions,
            "acceptedNames": {**_free(definition, conflicts), **_kept(definition, conflicts)},
            "storedVersions": _stored_versions(definition),
        }
        if status != definition.get("status"):
            self.api.write_status(DEFINITIONS, definition, status, "kube-apiserver")
        if CLEANUP not in (definition["metadata"].get("finalizers") or []):
            self.api.change(place_of(DEFINITIONS, definition), _with_cleanup)

    def _conflicts(self, definition: Object) -> Iterator[tuple[str, Object]]:
        """Every kind of name that another definition of the group has already, with the reason and message of a condition."""
        taken = self._taken(definition)
        for key, word in _NAMES.items():
            for name in _words(definition["spec"]["names"].get(key)):
                if name in taken.get(_shelf(key), ()):
                    yield key, {"reason": f"{word}Conflict", "message": f'"{name}" is already in use'}

    def _taken(self, definition: Object) -> dict[str, set[str]]:
        group, taken = definition["spec"]["group"], dict[str, set[str]]()
        for other in self.api.store.all_of(DEFINITIONS):
            if other["spec"]["group"] == group and name_of(other) != name_of(definition):
                for key, value in _accepted(other).items():
                    taken.setdefault(_shelf(key), set()).update(_words(value))
        return taken

    def _end(self, definition: Object) -> None:
        resource = resource_of(definition)
        own = all(resource.key != one.key for one in BUILT_IN)  # objects of a built-in kind are not the definition's
        left = self.api.store.all_of(resource) if own else []
        self._tell(definition, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
        for thing in left:
            if not is_deleted(thing):
                delete(self.api, place_of(resource, thing), Deletion(propagation="Background"))
        if not (own and self.api.store.all_of(resource)) and CLEANUP in definition["metadata"].get("finalizers", []):
            self.api.change(place_of(DEFINITIONS, definition), _without_cleanup)

    def _tell(self, definition: Object, reason: str, message: str) -> None:
        if not is_true(definition, "Terminating"):
            status = dict(definition.get("status") or {})
            status["conditions"] = [*(status.get("conditions") or [])]
            set_condition(
                status["conditions"], {"type": "Terminating", "status": "True", "reason": reason, "message": message}
            )
            self.api.write_status(DEFINITIONS, definition, status, "kube-apiserver")


def _shelf(key: str) -> str:
    """Plurals, singulars and short names are one set of words; kinds and kinds of lists another."""
    return "kinds" if key in ("kind", "listKind") else "words"


def _words(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _accepted(definition: Object) -> Object:
    found: Object = dig(definition, "status", "acceptedNames") or {}
    return {key: value for key, value in found.items() if key in _NAMES}


def _free(definition: Object, conflicts: Object) -> Object:
    return {key: value for key, value in definition["spec"]["names"].items() if key not in conflicts}


def _kept(definition: Object, conflicts: Object) -> Object:
    """What was accepted before goes on, while what is wanted instead is taken."""
    return {key: value for key, value in _accepted(definition).items() if key in conflicts}


def _conditions(definition: Object, conflicts: Object) -> list[Object]:
    conflict = list(conflicts.values())[-1] if conflicts else None  # a real server says the last
    accepted = {"status": "True", "reason": "NoConflicts", "message": "no conflicts found"}
    established = {
        "status": "True",
        "reason": "InitialNamesAccepted",
        "message": "the initial names have been accepted",
    }
    if conflict:
        accepted = {"status": "False", **conflict}
    if conflict and not is_true(definition, "Established"):
        established = {"status": "False", "reason": "NotAccepted", "message": "not all names are accepted"}
    return [{"type": "NamesAccepted", **accepted}, {"type": "Established", **established}]


def _stored_versions(definition: Object) -> list[str]:
    known = dig(definition, "status", "storedVersions") or []
    stored = next(one["name"] for one in definition["spec"]["versions"] if one["storage"])
    return known if stored in known else [*known, stored]


def _with_cleanup(definition: Object) -> Object:
    finalizers = [*(definition["metadata"].get("finalizers") or []), CLEANUP]
    return {**definition, "metadata": {**definition["metadata"], "finalizers": finalizers}}


def _without_cleanup(definition: Object) -> Object:
    left = [word for word in definition["metadata"]["finalizers"] if word != CLEANUP]
    return {**definition, "metadata": {**definition["metadata"], "finalizers": left}}
