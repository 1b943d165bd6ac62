"""Learning-rate schedules of the lectures.

A schedule is called with the epoch, counted from 0, and the validation accuracies of the epochs before; it
returns the learning rate of that epoch. None keeps anything to itself, so training can go on anywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Schedule = Callable[[int, Sequence[float]], float]


@dataclass(frozen=True)
class Constant:
    """The same rate in every epoch."""

    rate: float

    def __call__(self, epoch: int, accuracies: Sequence[float] = ()) -> float:
        """The learning rate of an epoch."""
        return self.rate


@dataclass(frozen=True)
class Step:
    """The rate is multiplied by `factor` at each epoch of `at`."""

    rate: float
    at: tuple[int, ...]
    factor: float = 0.1

    def __call__(self, epoch: int, accuracies: Sequence[float] = ()) -> float:
        """The learning rate of an epoch."""
        return self.rate * self.factor ** sum(epoch >= each for each in self.at)


@dataclass(frozen=True)
class Exponential:
    """The rate is multiplied by `factor` after every `every` epochs."""

    rate: float
    factor: float = 0.96
    every: int = 8

    def __call__(self, epoch: int, accuracies: Sequence[float] = ()) -> float:
        """The learning rate of an epoch."""
        return self.rate * self.factor ** (epoch // self.every)


@dataclass(frozen=True)
class Plateau:
    """The rate times `factor`, `times` at most, whenever `patience` epochs brought no better accuracy."""

    rate: float
    factor: float = 0.1
    patience: int = 5
    times: int = 3

    def __call__(self, epoch: int, accuracies: Sequence[float] = ()) -> float:
        """The learning rate of an epoch."""
        best, waited, drops = float("-inf"), 0, 0
        for accuracy in accuracies[:epoch]:
            waited = 0 if accuracy > best else waited + 1
            best = max(best, accuracy)
            if waited == self.patience:
                waited, drops = 0, min(drops + 1, self.times)
        return self.rate * self.factor**drops


@dataclass(frozen=True)
class WarmUp:
    """`rate` for the first `epochs`, then another schedule that starts at its own beginning."""

    rate: float
    epochs: int
    then: Schedule

    def __call__(self, epoch: int, accuracies: Sequence[float] = ()) -> float:
        """The learning rate of an epoch."""
        if epoch < self.epochs:
            return self.rate
        return self.then(epoch - self.epochs, accuracies[self.epochs :])
