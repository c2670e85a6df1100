"""Where runs go: a project's team and cluster, and what must be known of a cluster to use it."""

from typing import Literal

from dropforge.domain.prices import Prices
from dropforge.domain.values import Slug, Value
from dropforge.errors import InvalidInput


class Project(Value):
    """Who owns datasets, runs and models, who pays, where it runs, who may act on its runs and who may look at them (ARNs of IAM users and roles).

    `approvers` decide on its models: members among them only with `self_approval`. With `automatic_approval` a run may ask for no decision at all.
    """

    name: Slug
    team: Slug
    cluster: Slug
    members: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    self_approval: bool = False
    automatic_approval: bool = False


class Cluster(Value):
    """One cluster. Its paths are properties, never constants: `/fsx` and `/tmp` on real ones, folders on the local one.

    `small_instance_type` is that of the nodes for steps without accelerators; without one they run where the training does. Records from before
    there were `prices`, and plans made with them, have none: they are read, and nothing new is planned with them.
    """

    name: Slug
    eks_name: str
    reader_role: str
    writer_role: str
    file_system: str
    claim: str
    mount_path: str
    scratch_path: str
    prices: Prices | None = None
    small_instance_type: str = ""

    @property
    def price_table(self) -> Prices:
        """What its instances cost. Raises InvalidInput (PriceUnknown) where nobody has said."""
        if self.prices is None:
            raise InvalidInput(
                "PriceUnknown", f"The record of the cluster `{self.name}` has no `prices`.", {"priced": []}
            )
        return self.prices


class Image(Value):
    """An image by digest. `inputs` is the hash of what it was built from, known before it is built."""

    uri: str
    inputs: str


WaitKind = Literal["job", "file-system-task"]
