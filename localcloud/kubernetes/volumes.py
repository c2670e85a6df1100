"""Binds claims that name their volume. Nothing is provisioned: a claim without a volume stays Pending."""

from dataclasses import dataclass

from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.objects import Object, dig, name_of, namespace_of, uid_of
from localcloud.kubernetes.resources import CLAIMS, VOLUMES

_COMPONENT = "persistentvolume-controller"


@dataclass
class Volumes:
    """Every volume and claim of one cluster."""

    api: Api

    def reconcile(self) -> float | None:
        """Bind what can be bound and release volumes whose claim is gone."""
        claims = self.api.store.all_of(CLAIMS)
        for claim in claims:
            volume = self.api.store.get(VOLUMES, "", dig(claim, "spec", "volumeName") or "")
            if volume is not None and dig(claim, "status", "phase") != "Bound" and _is_free_for(volume, claim):
                self._bind(volume, claim)
        self._release({uid_of(claim) for claim in claims})
        return None

    def _bind(self, volume: Object, claim: Object) -> None:
        reference = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": namespace_of(claim),
            "name": name_of(claim),
            "uid": uid_of(claim),
        }
        bound = self.api.change(place_of(VOLUMES, volume), lambda v: _claimed(v, reference), Options(_COMPONENT))
        self.api.write_status(VOLUMES, bound, {**(bound.get("status") or {}), "phase": "Bound"}, _COMPONENT)
        status = {
            "phase": "Bound",
            "accessModes": volume["spec"].get("accessModes") or [],
            "capacity": volume["spec"].get("capacity") or {},
        }
        self.api.write_status(CLAIMS, claim, status, _COMPONENT)

    def _release(self, claims: set[str]) -> None:
        for volume in self.api.store.all_of(VOLUMES):
            owner = dig(volume, "spec", "claimRef", "uid")
            if owner and owner not in claims and dig(volume, "status", "phase") == "Bound":
                self.api.write_status(VOLUMES, volume, {"phase": "Released"}, _COMPONENT)


def _is_free_for(volume: Object, claim: Object) -> bool:
    reference = dig(volume, "spec", "claimRef") or {}
    if reference.get("uid"):
        return bool(reference["uid"] == uid_of(claim))
    wanted = (reference.get("namespace", namespace_of(claim)), reference.get("name", name_of(claim)))
    return wanted == (namespace_of(claim), name_of(claim))


def _claimed(volume: Object, reference: Object) -> Object:
    return {**volume, "spec": {**volume["spec"], "claimRef": reference}}
