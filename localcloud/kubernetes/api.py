"""What the API does, without HTTP: create, change, apply and delete with the rules of a real server.

Controllers inside the process call this same class, so webhooks, validation and conflicts hold for them as well.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from localcloud.kubernetes import errors, rules
from localcloud.kubernetes.apply import apply
from localcloud.kubernetes.authentication import User
from localcloud.kubernetes.identity import as_declared, check_identity, identified, require_lasting
from localcloud.kubernetes.kinds import Kinds
from localcloud.kubernetes.objects import Object, is_deleted, name_of, now
from localcloud.kubernetes.ownership import Writer, record_update
from localcloud.kubernetes.resources import NAMESPACES, Resource
from localcloud.kubernetes.schema import strict_error
from localcloud.kubernetes.shapes import shape_of
from localcloud.kubernetes.store import Store
from localcloud.kubernetes.writes import Warn, Write, silently

_KEPT = (
    "uid",
    "name",
    "namespace",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def _anything(_: Resource, __: Object, ___: Object | None) -> None:
    """Allow any write: controllers do what they do."""


@dataclass(frozen=True)
class Options:
    """How a write is done, and for whom (no user is a controller).

    `validation` says what becomes of unknown fields, as `fieldValidation` does: Ignore, Warn or Strict. `warn` gets what the writer should know.
    `check` gets the new object and the old one, or None, and raises for what the writer may not write.
    """

    manager: str = "kube-controller-manager"
    validation: str = "Ignore"
    dry_run: bool = False
    version: str = ""
    user: User | None = None
    check: Callable[[Resource, Object, Object | None], None] = _anything
    warn: Warn = silently


@dataclass(frozen=True)
class Place:
    """Where one object lives."""

    resource: Resource
    namespace: str
    name: str
    subresource: str = ""


def place_of(resource: Resource, thing: Object, subresource: str = "") -> Place:
    """Give the place of an object that was read before."""
    return Place(resource, thing["metadata"].get("namespace") or "", name_of(thing), subresource)


@dataclass
class Api:
    """The verbs over one store. Objects go in and come out in the stored version.

    Each of `admissions` sees a write before it happens and raises for what the cluster's state does not allow.
    """

    store: Store = field(default_factory=Store)
    admissions: list[Callable[[Store, Write], None]] = field(default_factory=list)

    @property
    def kinds(self) -> Kinds:
        """Give the kinds that are served at the moment."""
        return Kinds(self.store)

    def get(self, place: Place) -> Object:
        """Give one object; StatusError 404."""
        found = self.store.get(place.resource, place.namespace, place.name)
        if found is None:
            raise errors.not_found(place.resource, place.name)
        return found

    def create(self, resource: Resource, namespace: str, body: Object, options: Options | None = None) -> Object:
        """Store a new object; StatusError 400, 404 (no namespace), 409 (exists), 422."""
        options = options or Options()
        new = identified(resource, namespace, body)
        with self.store.lock:
            require_lasting(resource)
            self._require_namespace(resource, namespace, name_of(new))
            new = _judged(resource, new, None, options)
            options.check(resource, new, None)
            self.admit(Write(resource, new, None, options.user, options.dry_run, options.warn))
            if self.store.get(resource, namespace, name_of(new)) is not None:
                raise errors.already_exists(resource, name_of(new))
            _stamp_birth(resource, new)
            if "managedFields" not in new["metadata"]:
                writer = Writer(options.manager, "Update", resource.api_version())
                new["metadata"]["managedFields"] = record_update(new, None, writer, shape_of(resource))
            return new if options.dry_run else self.store.put(resource, new)

    def accepts(self, namespace: str) -> bool:
        """Tell whether a namespace exists and takes new objects; controllers leave one that is going alone."""
        found = self.store.get(NAMESPACES, "", namespace)
        return found is not None and not is_deleted(found)

    def _require_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        if not resource.namespaced:
            return
        found = self.store.get(NAMESPACES, "", namespace)
        if found is None:
            raise errors.not_found(NAMESPACES, namespace)
        if is_deleted(found):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise errors.forbidden(resource, name, why)

    def change(self, place: Place, edit: Callable[[Object], Object], options: Options | None = None) -> Object:
        """Replace an object by what `edit` makes of a copy; StatusError 404, 409 (stale resourceVersion), 422."""
        options = options or Options()
        with self.store.lock:
            old = self.get(place)
            new = self._edited(place, old, edit, options)
            writer = Writer(options.manager, "Update", place.resource.api_version(), place.subresource)
            new["metadata"]["managedFields"] = record_update(new, old, writer, shape_of(place.resource))
            return self._keep(place, old, new, options)

    def _edited(self, place: Place, old: Object, edit: Callable[[Object], Object], options: Options) -> Object:
        new = edit(copy.deepcopy(old))
        check_identity(place.resource, place.name, old, new)
        if place.subresource:
            new = {**old, "metadata": dict(old["metadata"]), place.subresource: new.get(place.subresource) or {}}
            return _judged(place.resource, new, old, options) if place.resource.definition else new
        new["metadata"].update({key: old["metadata"][key] for key in _KEPT if key in old["metadata"]})
        new = _decoded(place.resource, new, options)
        if place.resource.status:
            new = {**{k: v for k, v in new.items() if k != "status"}, **_status_of(old)}
        rules.admit(place.resource, new, old, _version(place.resource, options))
        options.check(place.resource, new, old)
        self.admit(Write(place.resource, new, old, options.user, options.dry_run, options.warn))
        return new

    def admit(self, write: Write) -> None:
        """Ask whoever may refuse a write; StatusError."""
        for admission in self.admissions:
            admission(self.store, write)

    def _keep(self, place: Place, old: Object, new: Object, options: Options) -> Object:
        resource, metadata = place.resource, new["metadata"]
        for key in ("managedFields", "finalizers", "ownerReferences"):
            if not metadata.get(key):
                metadata.pop(key, None)
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        if resource.counts_generations and not place.subresource and _content(new) != _content(old):
            metadata["generation"] = old["metadata"].get("generation", 0) + 1
        if options.dry_run or new == old:
            return new
        if is_deleted(new) and not metadata.get("finalizers") and not metadata.get("deletionGracePeriodSeconds"):
            return self.store.remove(resource, new)
        return self.store.put(resource, new)

    def apply(self, place: Place, declared: Object, options: Options, *, force: bool) -> tuple[bool, Object]:
        """Apply on the server; gives (created, object). StatusError 409 with causes for foreign fields."""
        writer = Writer(options.manager, "Apply", place.resource.api_version(), place.subresource)
        with self.store.lock:
            old = self.store.get(place.resource, place.namespace, place.name)
            if old is None and place.subresource:
                raise errors.not_found(place.resource, place.name)
            declared = as_declared(place.resource, place.name, declared)
            declared = _decoded(place.resource, declared, options, filled=False)
            if old is None:
                return True, self._apply_new(place, declared, writer, options)
            merged = apply(old, declared, writer, shape_of(place.resource), force=force)
            new = self._edited(place, old, lambda _: merged, options)
            new["metadata"]["managedFields"] = merged["metadata"]["managedFields"]
            return False, self._keep(place, old, new, options)

    def _apply_new(self, place: Place, declared: Object, writer: Writer, options: Options) -> Object:
        bare = {"apiVersion": declared["apiVersion"], "kind": declared["kind"], "metadata": {"name": place.name}}
        merged = apply(bare, declared, writer, shape_of(place.resource), force=False)
        return self.create(place.resource, place.namespace, merged, options)

    def write_status(self, resource: Resource, thing: Object, status: Object, manager: str) -> Object:
        """Write a status a controller computed; an unchanged one is no write."""
        place = place_of(resource, thing, "status")
        with self.store.lock:
            old = self.get(place)
            if old.get("status") == status:
                return old
            return self.change(place, lambda copied: {**copied, "status": status}, Options(manager))


def _version(resource: Resource, options: Options) -> str:
    return options.version or resource.versions[0]


def _judged(resource: Resource, new: Object, old: Object | None, options: Options) -> Object:
    new = _decoded(resource, new, options)
    rules.admit(resource, new, old, _version(resource, options))
    return new


def _decoded(resource: Resource, new: Object, options: Options, *, filled: bool = True) -> Object:
    """Give the object without unknown fields, and with its defaults unless it is only declared; StatusError 400 for these fields when strict."""
    unknown: list[str] = []
    version = _version(resource, options)
    new = rules.decode(resource, new, version, unknown, filled=filled)
    if unknown and options.validation == "Strict":
        raise strict_error(resource.kind, version, unknown)
    for path in unknown if options.validation == "Warn" else ():
        options.warn(f'unknown field "{path}"')
    return new


def _stamp_birth(resource: Resource, new: Object) -> None:
    metadata = new["metadata"]
    metadata["creationTimestamp"] = now()
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "selfLink"):
        metadata.pop(key, None)
    if resource.counts_generations:
        metadata["generation"] = 1
    if resource.status:
        new.pop("status", None)
        first = rules.first_status(resource)
        new.update({"status": first} if first else {})


def _status_of(thing: Object) -> Object:
    return {"status": thing["status"]} if "status" in thing else {}


def _content(thing: Object) -> Object:
    return {key: part for key, part in thing.items() if key not in ("metadata", "status")}
