"""One attempt at training: goes on where the one before it came to, keeps checkpoints, stops between steps when asked to.

Checkpoints are written at the end of a step only, where nothing is half done.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from .checkpoints import Checkpoints, Identity, Keeping, name_of
from .drill import Drill, strike
from .errors import Stopped
from .losses import line, write_losses
from .objectives import Objective
from .report import say
from .state import go_on
from .stopping import stop_between_steps
from .training import Course, Progress, Training, advance


@dataclass(frozen=True)
class Safety:
    """Where progress is kept, and what is to go wrong on purpose."""

    keeping: Keeping | None = None
    drill: Drill = field(default_factory=Drill)

    def checkpoints(self, identity: Identity) -> Checkpoints | None:
        """Return the checkpoints of a run, if any are kept."""
        return Checkpoints(self.keeping, identity, self.drill) if self.keeping else None


@dataclass
class Session:
    """A training on its way, and every step of it so far, by whichever attempt."""

    training: Training
    objective: Objective
    course: Course
    checkpoints: Checkpoints | None
    drill: Drill
    history: list[Progress] = field(default_factory=list)
    resumed_from: str | None = None

    def run(self, losses: Path) -> None:
        """Train to the end, with a line per step in the file at once. Raises Stopped between steps after SIGTERM."""
        with self._deferred() as asked_to_stop:
            self._resume()
            write_losses(losses, self.history)
            with losses.open("a", encoding="utf-8") as file:
                while self.training.done < self.course.steps:
                    self._step(file, asked_to_stop)
                os.fsync(file.fileno())

    def _deferred(self) -> AbstractContextManager[Callable[[], bool]]:
        """Without checkpoints there is nothing to wait for: SIGTERM stops training at once."""
        return stop_between_steps() if self.checkpoints else nullcontext(lambda: False)

    def _resume(self) -> None:
        state = self.checkpoints.newest(self.training) if self.checkpoints else None
        if state is not None:
            go_on(self.training, state)
            self.history, self.resumed_from = list(state.history), name_of(state.done)
            say(f"resume step={state.done} from={self.resumed_from}")

    def _step(self, file: TextIO, asked_to_stop: Callable[[], bool]) -> None:
        strike(self.drill, self.training.done + 1, self.checkpoints.keeping.folder if self.checkpoints else None)
        done = advance(self.training, self.objective, self.course)
        self.history.append(done)
        file.write(line(done))
        file.flush()
        self._show(done)
        is_last = asked_to_stop()  # asked once: what comes later ends the next step
        self._keep(is_last_chance=is_last)
        if is_last:
            raise stopped_after(done.step)

    def _keep(self, *, is_last_chance: bool) -> None:
        due = is_last_chance or (self.checkpoints and self.checkpoints.is_due(self.training.done, self.course.steps))
        if self.checkpoints and due:
            self.checkpoints.write(self.training, self.history)

    def _show(self, done: Progress) -> None:
        """Print about one step in twenty."""
        steps = self.course.steps
        if done.step % max(1, steps // 20) == 0 or done.step in {1, steps}:
            say(f"step={done.step}/{steps} loss={done.loss:.4f} rate={done.rate:.1e}")


def stopped_after(step: int) -> Stopped:
    """Return the end of a training that was told to stop and kept what it had."""
    cause = f"SIGTERM came (preemption, cancellation or a deadline); training stopped after step {step}"
    return Stopped(f"{cause} and kept {name_of(step)}", "start it again: it goes on from there")
