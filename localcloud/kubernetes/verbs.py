"""What one request does: its verb carried out on the API, its answer in the version it asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from localcloud.kubernetes import (
    deprecations,
    discovery,
    errors,
    log_requests,
    selectors,
    tables,
    targets,
    versions,
    watching,
)
from localcloud.kubernetes.api import Api, Options, Place
from localcloud.kubernetes.deletion import Deletion, delete
from localcloud.kubernetes.logs import Line
from localcloud.kubernetes.objects import Object, name_of, namespace_of
from localcloud.kubernetes.paging import Page, Pages
from localcloud.kubernetes.patches import json_patch, merge_patch, strategic_patch
from localcloud.kubernetes.resources import Resource
from localcloud.kubernetes.targets import Request, Target

_APPLY = "application/apply-patch+yaml"
_PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": strategic_patch,
}
_WATCH_SECONDS = 1800.0
_VALIDATIONS = ("Ignore", "Strict", "Warn")
Check = Callable[[Request, Resource, Object, Object | None], None]
Logs = Callable[[Object, str], list[Line]]


@dataclass(frozen=True)
class Answer:
    """What goes back: an object, a text (`bytes`), or a stream of watch events."""

    code: int
    body: Object | str | bytes | Iterator[Object]


@dataclass
class Verbs:
    """Every verb over one API; `logs` reads the log of a pod's container, `check` raises for what a request's user may not write."""

    api: Api
    logs: Logs
    check: Check
    pages: Pages = field(default_factory=Pages)

    def answer(self, request: Request) -> Answer:
        """Carry out one request; StatusError when it is refused."""
        document = discovery.document(request.path, self.api.kinds) if request.method == "GET" else None
        if document is not None:
            return Answer(200, document)
        target = targets.parse(request.path, self.api.kinds)
        request.warnings.extend(deprecations.warnings(target.resource, target.version))
        if target.subresource == "log":
            return Answer(200, self._log(request, target))
        act = getattr(self, f"_{targets.verb(request, target)}", None)
        if act is None:
            raise errors.StatusError(405, "MethodNotAllowed", "the server does not allow this method on this resource")
        code, body = act(request, target)
        return Answer(code, body)

    def _get(self, request: Request, target: Target) -> tuple[int, Object]:
        found = _out(target, self.api.get(target.place))
        return 200, _as_asked(request, target, [found], {}) or found

    def _list(self, request: Request, target: Target) -> tuple[int, Object]:
        page = self._page(request, target)
        metadata: Object = {"resourceVersion": str(page.version)}
        if page.token:
            metadata |= {"continue": page.token, "remainingItemCount": page.remaining}
        items = [_out(target, thing) for thing in page.items]
        return 200, _as_asked(request, target, items, metadata) or _listed(target, metadata, items)

    def _page(self, request: Request, target: Target) -> Page:
        limit = request.number("limit")
        if request.query.get("continue"):
            return self.pages.next(request.query["continue"], limit)
        matches = _selected(request, target)
        with self.api.store.lock:
            found, version = self.api.store.all_of(target.resource, target.namespace), self.api.store.version
        return self.pages.first([thing for thing in found if matches(thing)], version, limit)

    def _watch(self, request: Request, target: Target) -> tuple[int, Iterator[Object]]:
        watch = watching.Watch(
            target.resource,
            target.namespace,
            _selected(request, target),
            request.query.get("resourceVersion", ""),
            request.number("timeoutSeconds") or _WATCH_SECONDS,
            request.flag("allowWatchBookmarks"),
        )
        told = ({**event, "object": _out(target, event["object"])} for event in watching.events(self.api.store, watch))
        return 200, (_watched_as_asked(request, target, event) for event in told)

    def _create(self, request: Request, target: Target) -> tuple[int, Object]:
        body = _object(request)
        stored = versions.to_stored(target.resource, target.version, body)
        options = self._options(request, target)
        return 201, _out(target, self.api.create(target.resource, target.namespace, stored, options))

    def _update(self, request: Request, target: Target) -> tuple[int, Object]:
        stored = versions.to_stored(target.resource, target.version, _object(request))
        return 200, _out(target, self.api.change(target.place, lambda _: stored, self._options(request, target)))

    def _patch(self, request: Request, target: Target) -> tuple[int, Object]:
        kind = _content_type(request)
        if kind == _APPLY:
            return self._apply(request, target)
        patch = _PATCHES.get(kind)
        if patch is None or (patch is strategic_patch and target.resource.is_custom):
            accepted = ", ".join([*_PATCHES, _APPLY])
            message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
            raise errors.StatusError(415, "UnsupportedMediaType", message)

        if patch is not json_patch and not isinstance(request.body, dict):
            raise errors.bad_request(
                "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
            )

        def edit(old: Object) -> Object:
            patched = patch(versions.from_stored(target.resource, target.version, old), request.body)
            return versions.to_stored(target.resource, target.version, patched)

        return 200, _out(target, self.api.change(target.place, edit, self._options(request, target)))

    def _apply(self, request: Request, target: Target) -> tuple[int, Object]:
        if not request.query.get("fieldManager"):
            message = "fieldManager: Required value: is required for apply patch"
            raise errors.bad_request(f'PatchOptions.meta.k8s.io "" is invalid: {message}')
        declared = versions.to_stored(target.resource, target.version, _object(request))
        options = self._options(request, target)
        created, thing = self.api.apply(target.place, declared, options, force=request.flag("force"))
        return (201 if created else 200), _out(target, thing)

    def _options(self, request: Request, target: Target) -> Options:
        return replace(_options(request, target), check=partial(self.check, request))

    def _delete(self, request: Request, target: Target) -> tuple[int, Object]:
        return 200, _out(target, delete(self.api, target.place, _deletion(request)))

    def _deletecollection(self, request: Request, target: Target) -> tuple[int, Object]:
        matches = _selected(request, target)
        found = [t for t in self.api.store.all_of(target.resource, target.namespace) if matches(t)]
        for thing in found:
            place = Place(target.resource, namespace_of(thing), name_of(thing))
            delete(self.api, place, _deletion(request))
        return 200, _listed(target, {"resourceVersion": str(self.api.store.version)}, [_out(target, t) for t in found])

    def _log(self, request: Request, target: Target) -> bytes:
        log_requests.check(request)
        lines = self.logs(self.api.get(target.place), request.query.get("container", ""))
        return log_requests.cut(lines, request)


def _out(target: Target, thing: Object) -> Object:
    return versions.from_stored(target.resource, target.version, thing)


def _as_asked(request: Request, target: Target, items: list[Object], metadata: Object) -> Object | None:
    """Give a table, when that is what the client wants."""
    if not tables.is_wanted(request.headers.get("Accept") or ""):
        return None
    return tables.table(
        target.resource, target.version, items, metadata, request.query.get("includeObject", "Metadata")
    )


def _watched_as_asked(request: Request, target: Target, event: Object) -> Object:
    if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
        return event
    return {**event, "object": _as_asked(request, target, [event["object"]], {}) or event["object"]}


def _listed(target: Target, metadata: Object, items: list[Object]) -> Object:
    api_version = target.resource.api_version(target.version)
    return {"kind": target.resource.list_kind, "apiVersion": api_version, "metadata": metadata, "items": items}


def _selected(request: Request, target: Target) -> selectors.Predicate:
    by_labels = selectors.by_labels(request.query.get("labelSelector", ""))
    by_fields = selectors.by_fields(request.query.get("fieldSelector", ""), target.resource)
    return lambda thing: by_labels(thing) and by_fields(thing)


def _object(request: Request) -> Object:
    if not isinstance(request.body, dict):
        raise errors.bad_request("the body of the request must be an object")
    return request.body


def _content_type(request: Request) -> str:
    return (request.headers.get("Content-Type") or "").partition(";")[0].strip()


def _options(request: Request, target: Target) -> Options:
    dry_run = request.query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise errors.bad_request(f'dryRun: Unsupported value: "{dry_run}": supported values: "All"')
    agent = (request.headers.get("User-Agent") or "unknown").partition("/")[0]
    return Options(
        manager=request.query.get("fieldManager") or agent,
        validation=_validation(request),
        dry_run=dry_run == "All",
        version=target.version,
        user=request.user,
        warn=request.warnings.append,
    )


def _validation(request: Request) -> str:
    wanted = request.query.get("fieldValidation") or "Warn"
    if wanted not in _VALIDATIONS:
        listed = ", ".join(f'"{word}"' for word in _VALIDATIONS)
        raise errors.bad_request(f'fieldValidation: Unsupported value: "{wanted}": supported values: {listed}')
    return wanted


def _deletion(request: Request) -> Deletion:
    asked = {**request.query, **(request.body or {})}
    preconditions = asked.get("preconditions") or {}
    grace = asked.get("gracePeriodSeconds")
    return Deletion(
        propagation=asked.get("propagationPolicy") or "",
        uid=preconditions.get("uid") or "",
        resource_version=preconditions.get("resourceVersion") or "",
        grace=None if grace is None else int(grace),
        dry_run="All" in (asked.get("dryRun") or []),
        user=request.user,
    )
