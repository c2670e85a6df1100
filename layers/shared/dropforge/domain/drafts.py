"""Drafts: datasets that have been read and not been uploaded, and what stands for what only an upload would know."""

from dropforge.domain.datasets import Dataset, Kind, Listing
from dropforge.domain.uploads import OURS, PREFIX, Upload
from dropforge.domain.values import Sha256, Value

UPLOAD = "UPLOAD"  # stands for the id of an upload that has not been made
NO_SHA256 = "0" * 64


class Draft(Value):
    """What was read of a dataset, as CheckDataset would read an upload of it."""

    digest: Sha256
    kind: Kind
    rows: int
    train_rows: int
    bytes: int
    files: int
    longest_bytes: int
    longest_at: str
    tool_rows: int = 0
    warnings: int = 0

    def dataset(self, project: str, name: str) -> Dataset:
        """Return the dataset that it would become."""
        key = f"{PREFIX}{project}/{name}/{UPLOAD}"
        upload = Upload(bucket=UPLOAD, key=key, version_id=UPLOAD)
        listing = Listing(bucket=UPLOAD, key=key, version_id=UPLOAD, sha256=NO_SHA256)
        return anonymous(
            Dataset(project=project, name=name, upload=upload, listing=listing, report_uri="", **self.model_dump())
        )


def anonymous(dataset: Dataset) -> Dataset:
    """Return a dataset whose listing lies where every upload of the name has it: the same content gives the same manifests."""
    key = f"{PREFIX}{dataset.project}/{dataset.name}/{OURS}/{UPLOAD}/files.json"
    listing = Listing(bucket=UPLOAD, key=key, version_id=UPLOAD, sha256=NO_SHA256)
    return dataset.model_copy(update={"listing": listing})
