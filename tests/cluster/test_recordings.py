"""The cluster against recordings of a real one: the same life cycles, the same lines, but for the differences that docs/local-cluster.md tells of.

`RECORDINGS` names a folder with the recordings, which are no part of this repository; without it nothing here is run.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import job_cycles, queue_cycles, topology_cycles
from tests.cluster.differences import meant
from tests.cluster.stage import Stage
from tests.cluster.transcript import Transcript, differences

_CYCLES: dict[str, tuple[Callable[[Stage], None], Callable[[str], dict[str, str]]]] = {
    "rec.real": (job_cycles.play, lambda own: {own: "default"}),
    "kqrec.out": (queue_cycles.play, queue_cycles.aliases),
    "kqtas.out": (topology_cycles.play, topology_cycles.aliases),
}
_FOLDER = os.environ.get("RECORDINGS", "")


@pytest.mark.skipif(not _FOLDER, reason="RECORDINGS names no folder")
@pytest.mark.parametrize("recording", _CYCLES)
def test_a_recorded_life_cycle_is_lived_again_but_for_the_differences_that_are_meant(probe, recording, patience):
    play, aliases = _CYCLES[recording]
    stage = Stage(probe, Transcript(aliases(probe.namespace)), patience)
    play(stage)
    recorded = (Path(_FOLDER) / recording).read_text().splitlines()
    assert differences(recorded, stage.account.lines) == meant(recording)
