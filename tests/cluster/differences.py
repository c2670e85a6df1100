"""The differences that are meant, read from the table of docs/local-cluster.md: told once, to people and to the test alike."""

from pathlib import Path

from tests.cluster.transcript import Difference

_PAGE = Path(__file__).parents[2] / "docs" / "local-cluster.md"
_HEAD = "| recording | line | field | recorded | here | because |"


def meant(recording: str) -> set[Difference]:
    """Give the differences of one recording that have a reason."""
    _, _, below = _PAGE.read_text().partition(_HEAD)
    rows = [_cells(line) for line in below.split("\n\n")[0].splitlines()[2:]]
    assert all(len(row) == 6 and row[5] for row in rows), "every difference has six cells and a reason"
    return {Difference(*row[1:5]) for row in rows if row[0] == recording}


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip()[1:-1].split("|")]
