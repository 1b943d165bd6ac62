"""What happens around each epoch: the learning rate, the history, the state on disk, an early stop."""

import time
from pathlib import Path

import keras
import pandas as pd

from course.files import replacing
from course.training import checkpoints
from course.training.schedules import Schedule

HISTORY = "history.csv"


class Record(keras.callbacks.Callback):
    """Sets the learning rate of each epoch and keeps its results.

    Args:
        schedule: learning rate by epoch.
        rows: results of the epochs before, of a run that goes on.
        patience: epochs without a better accuracy after which training stops; None: it does not.
        folder: where to keep state and history; None: nowhere.
        every: epochs from one kept state to the next; the last is always kept.
        epochs: how many there will be.
        settings: what is kept with the state, see `checkpoints.save`.
    """

    def __init__(
        self,
        schedule: Schedule,
        rows: list[dict],
        patience: int | None,
        folder: Path | None,
        every: int,
        epochs: int,
        settings: dict,
    ):
        super().__init__()
        self.schedule, self.rows, self.patience = schedule, rows, patience
        self.folder, self.every, self.epochs, self.settings = folder, every, epochs, settings

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Set the learning rate."""
        self.model.optimizer.learning_rate = self.rate = self.schedule(epoch, self.accuracies())
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Keep the results, and the state where it is due."""
        seconds = time.perf_counter() - self.started
        self.rows.append({"epoch": epoch + 1, **logs, "learning_rate": self.rate, "seconds": seconds})
        self.model.stop_training = self.stalled()
        last = epoch + 1 == self.epochs or self.model.stop_training
        if self.folder is not None and (last or (epoch + 1) % self.every == 0):
            checkpoints.save(self.folder, self.model, self.settings, self.rows)
            with replacing(self.folder / HISTORY) as path:
                self.table().to_csv(path)

    def accuracies(self) -> list[float]:
        """What the schedule and patience go by, an epoch each."""
        return [row.get("val_accuracy", row["accuracy"]) for row in self.rows]

    def stalled(self) -> bool:
        """Whether the last `patience` epochs have not been better than the best before."""
        seen = self.accuracies()
        return (
            self.patience is not None and len(seen) - (seen.index(max(seen)) if seen else 0) > self.patience
        )

    def table(self) -> pd.DataFrame:
        """A row an epoch."""
        return pd.DataFrame(self.rows).set_index("epoch") if self.rows else pd.DataFrame()
