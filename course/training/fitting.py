"""A recipe: all that is decided before a network is trained, as values, and `fit`, which trains by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import keras
import pandas as pd

from course.data.augmentation import Augmentation, named
from course.data.batching import batches, shuffled
from course.data.dataset import Data, Info, as_data
from course.errors import check_positive_integer
from course.training import checkpoints
from course.training.optimizer import SGD, is_kernel
from course.training.placing import computing_in, placed
from course.training.record import Record
from course.training.schedules import Schedule


class Source(NamedTuple):
    """What a lecture and the paper print for a value of a recipe; empty where they say nothing."""

    lecture: str = ""
    paper: str = ""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; change a value with `dataclasses.replace(recipe, batch=64)`.

    Attributes:
        name: what the recipe is called.
        paper: key in papers.bib.
        schedule: learning rate of each epoch, see `course.training.schedules`.
        epochs: passes over the training images.
        batch: images in a step.
        momentum: of stochastic gradient descent.
        decay: L2 penalty on kernels, decay/2 · |w|²; see `course.training.SGD`.
        dropout: fraction of the values that a network's dropout layers drop. The networks have it built in.
        kernels: Keras initializer of kernels, a name or a configuration.
        ones: names of the layers whose bias starts at 1, not at 0.
        augment: names in `course.data.augmentation.BY_NAME`, applied to training images.
        sources: by attribute, what lecture and paper print.
    """

    name: str
    paper: str
    schedule: Schedule
    epochs: int
    batch: int
    momentum: float = 0.9
    decay: float = 0.0
    dropout: float = 0.0
    kernels: str | Mapping = "glorot_uniform"
    ones: tuple[str, ...] = ()
    augment: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False, compare=False)

    def table(self) -> pd.DataFrame:
        """Each value beside what the lecture and the paper print for it."""
        rows = [(key, getattr(self, key), *source) for key, source in self.sources.items()]
        return pd.DataFrame(rows, columns=["what", "value", "lecture", "paper"]).set_index("what")

    def optimizer(self) -> SGD:
        """A new optimizer at the rate of the first epoch."""
        return SGD(self.schedule(0, ()), self.momentum, self.decay)

    def initialise(self, model: keras.Model, seed: int = 0) -> None:
        """Draw the kernels anew as the recipe says; biases become 0, those of layers in `ones` 1."""
        for layer in model.layers:
            for variable in layer.trainable_variables:
                if is_kernel(variable):
                    seed += 1
                    variable.assign(self._initializer(seed)(variable.shape))
                elif variable.name == "bias":
                    variable.assign(keras.ops.full(variable.shape, float(layer.name in self.ones)))

    def _initializer(self, seed: int) -> keras.Initializer:
        kind = keras.initializers.get(self.kernels)
        return kind.from_config(kind.get_config() | {"seed": seed})

    def compile(self, model: keras.Model) -> None:
        """Compile a model: cross-entropy of its logits, accuracy, and top-5 where there are more classes."""
        metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
        if model.outputs[0].shape[-1] > 5:
            metrics.append(keras.metrics.SparseTopKCategoricalAccuracy(5, name="top5"))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(self.optimizer(), loss, metrics=metrics)

    def fit(
        self,
        model: keras.Model,
        data: Data,
        epochs: int | None = None,
        *,
        validation: Data | None = None,
        batch: int | None = None,
        augment: tuple[str, ...] | Augmentation | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
        every: int = 1,
        patience: int | None = None,
        precision: str | None = None,
        distribution=None,
        verbose: str | int = "auto",
    ) -> pd.DataFrame:
        """Train a model from the weights that it has; `initialise` gives it those of the recipe.

        On a GPU Keras compiles the step with XLA. The same call gives the same weights to the last bit on a
        CPU, and on a GPU after tf.config.experimental.enable_op_determinism().

        Args:
            model: one input, one output of logits.
            data: training images, shuffled anew in each epoch and augmented.
            epochs: in all, those of a run that goes on included; the recipe's by default.
            validation: images to measure after each epoch. A `Plateau` schedule and `patience` go by their
                accuracy, without them by that in training.
            batch: images in a step, the recipe's by default.
            augment: names or a function, see `course.data.augmentation`; () for none, by default the
                recipe's.
            seed: of the order of the images and their augmentation.
            folder: where the state after each epoch is kept, and history.csv. Where one is kept already,
                training goes on from it to the same weights that it would have come to.
            every: epochs from one kept state to the next.
            patience: stop after so many epochs without a better accuracy.
            precision: Keras dtype policy to compute in, such as "mixed_float16" on a GPU.
            distribution: tf.distribute.Strategy or keras.distribution.Distribution to train on several
                devices or machines; each step's batch is divided among them.
            verbose: as Keras has it: 0 without a progress bar.

        Returns:
            A row an epoch, from 1: loss and accuracy in training and validation, learning rate, seconds.

        Raises:
            ValueError: where model and images do not fit each other, and where `folder` holds training of
                another model or with other settings.
            OSError: where `folder` cannot be written; the state kept there before is unharmed.
        """
        epochs = self.epochs if epochs is None else epochs
        batch = self.batch if batch is None else batch
        for argument, value in {
            "epochs": epochs,
            "batch": batch,
            "every": every,
            "patience": patience,
        }.items():
            if value is not None:
                check_positive_integer(argument, value)
        data, validation = as_data(data), as_data(validation) if validation else None
        for each in filter(None, (data, validation)):
            check_fits(model, each.info)
        names = self.augment if augment is None else augment
        function = names if callable(names) else named(names, data.info)
        folder = Path(folder) if folder is not None else None
        settings = {  # with others, training would not go on to the same weights
            "model": f"{model.name} of {model.count_params():,} parameters",
            "recipe": self.name,
            "schedule": repr(self.schedule),
            "momentum": self.momentum,
            "decay": self.decay,
            "batch": batch,
            "augment": "a function" if callable(names) else list(names),
            "data": f"{data.info.name} {data.info.split} {'×'.join(map(str, data.info.shape))}",
            "seed": seed,
            "precision": precision,
        }
        with placed(model, distribution) as trained, computing_in(trained, precision):
            self.compile(trained)
            trained.optimizer.build(trained.trainable_variables)
            rows = checkpoints.restore(folder, trained, settings) if folder else []
            record = Record(self.schedule, rows, patience, folder, every, epochs, settings)
            if len(rows) < epochs and not record.stalled():
                trained.fit(
                    shuffled(data, batch, range(len(rows), epochs), augment=function, seed=seed),
                    steps_per_epoch=-(-data.info.examples // batch),
                    epochs=epochs,
                    initial_epoch=len(rows),
                    validation_data=batches(validation, batch, data.info) if validation else None,
                    callbacks=[record],
                    shuffle=False,  # done already
                    verbose=verbose,
                )
        return record.table()


def check_fits(model: keras.Model, info: Info, shape: tuple[int, ...] | None = None) -> None:
    """Raise a ValueError where a model takes other images or tells other classes apart.

    `shape` is that of the images, or of crops of them; the dataset's by default.
    """
    outputs = model.outputs if model.built and hasattr(model, "outputs") else []
    if len(outputs) != 1 or len(outputs[0].shape) != 2:
        raise ValueError(f"{model.name} must have an input shape and one output, the logits of the classes.")
    taken, shape = tuple(model.inputs[0].shape[1:]), tuple(shape or info.shape)
    if len(taken) != 3 or any(size not in (None, given) for size, given in zip(taken, shape, strict=True)):
        raise ValueError(
            f"{model.name} takes images of {'×'.join(map(str, taken))}, but those of {info.name} are "
            f"{'×'.join(map(str, shape))}: load them with size={taken[:2]} or build the network with "
            f"shape={shape}."
        )
    if outputs[0].shape[-1] != info.classes:
        raise ValueError(
            f"{model.name} tells {outputs[0].shape[-1]} classes apart and {info.name} has {info.classes}: "
            f"build the network with classes={info.classes}."
        )
