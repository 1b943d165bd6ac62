"""Runs in the student's process: puts the answers to use on given inputs and sends back plain data.

It knows no expected value, so nothing here is worth stealing, and whatever it sends is only data.
"""

import contextlib
import copy
import io
from collections.abc import Callable, Iterator, Sequence

from autograder import plain
from autograder.forbidden import uses
from course.silence import silence

MIME = "application/vnd.autograder.observations"


def respond(request: str, answers: Callable[[], Sequence]) -> None:
    """Show the answer to a request of the judge, a line of `plain.to_text`, as another in our MIME type."""
    from IPython.display import display

    request = plain.from_text(request)
    observed = observe(request["names"], answers, request["calls"], request["forbidden"])
    display({MIME: plain.to_text(observed)}, raw=True)


def observe(
    names: Sequence[str], answers: Callable[[], Sequence], calls: Sequence[dict], forbidden: Sequence[str]
) -> dict:
    """Put the answers to use; never raises because of them.

    Args:
        names: what the answers are called, in order.
        answers: gives the student's answers, in that order; called here so that a name that was
            never defined is an observation, not an exception.
        calls: {"of": name, "probe": name of a probe, "arguments": [...]} each.
        forbidden: dotted names that the answers must not use.

    Returns:
        {"results": [one a call], "forbidden": [dotted names used]}. A result is {"value"} or {"error"},
        or {"missing": true} where nothing has been written yet.
    """
    with quiet():
        try:
            given = dict(zip(names, answers(), strict=True))
        except Exception as error:
            return {"results": [_failure(error)] * len(calls), "forbidden": []}
        results = [_result(given[call["of"]], call["probe"], call["arguments"]) for call in calls]
        return {"results": results, "forbidden": sorted(uses(given.values(), forbidden))}


def call(answer: Callable, *arguments):
    """What a function returns."""
    if not callable(answer):
        raise TypeError(f"It is a {type(answer).__name__}, not a function.")
    return answer(*arguments)


def value(answer):
    """The answer itself: a number, a text, a list or an array."""
    return answer


def layer(answer: type, arguments: dict, weights: dict, batches: list, training: bool) -> dict:
    """What a layer class does: made with keyword arguments, called on batches one after the other.

    Args:
        answer: a keras.layers.Layer class, or a function that makes a layer.
        arguments: for its constructor.
        weights: name -> array, assigned once the layer is built; a name it lacks is an error.
        batches: arrays (batch, ...).
        training: how each call is made.

    Returns:
        {"output 1", "output 2", …: one a batch; "gradient": of the sum of output 1's squares with
        respect to batch 1; "weights": each as text, by name; "state": name -> values of the
        non-trainable weights afterwards; "copy": output 1 of a layer made from the configuration}.
    """
    import keras
    import tensorflow as tf

    def prepared(made: keras.layers.Layer) -> keras.layers.Layer:
        if not isinstance(made, keras.layers.Layer):
            raise TypeError(f"It makes a {type(made).__name__}, not a keras.layers.Layer.")
        if not made.built:
            made.build(batches[0].shape)
        known = {weight.name: weight for weight in made.weights}
        for name, array in weights.items():
            if name not in known:
                raise ValueError(
                    f"The layer has no weight called {name!r}; it has {sorted(known) or 'none'}."
                )
            known[name].assign(array)
        return made

    with keras.device("cpu"):  # some GPUs round to 10 bits
        made = prepared(answer(**arguments))
        first = tf.convert_to_tensor(batches[0])
        with tf.GradientTape() as tape:
            tape.watch(first)
            outputs = [made(first, training=training)]
            energy = tf.reduce_sum(tf.square(outputs[0]))
        outputs += [made(batch, training=training) for batch in batches[1:]]
        twin = prepared(type(made).from_config(made.get_config()))
        copied = twin(batches[0], training=training)
        gradient = tape.gradient(energy, first)
    return {
        **{f"output {i}": output for i, output in enumerate(outputs, start=1)},
        "gradient": gradient,
        "weights": sorted(
            f"{each.name} {tuple(each.shape)} {'' if each.trainable else 'not '}trainable"
            for each in made.weights
        ),
        "state": {each.name: each.numpy() for each in made.non_trainable_weights},
        "copy": copied,
    }


def model(answer: Callable, arguments: dict) -> dict:
    """The model that a function makes, as data: its configuration, from which the judge rebuilds it."""
    import keras

    made = answer(**arguments)
    if not isinstance(made, keras.Model):
        raise TypeError(f"It makes a {type(made).__name__}, not a keras.Model.")
    return keras.saving.serialize_keras_object(made)


def models(answer: Callable, several: list[dict]) -> list[dict]:
    """The models that a function makes of each of several keyword arguments, for the judge to train."""
    return [model(answer, arguments) for arguments in several]


def plan(answer: Callable, arguments: dict) -> dict:
    """The model and the `course.training.Recipe` that a function returns, as data, for the judge to try."""
    from course.training import Recipe

    made = answer(**arguments)
    if not isinstance(made, (tuple, list)) or len(made) != 2 or not isinstance(made[1], Recipe):
        raise TypeError("It does not return two things, a model and a Recipe.")
    return {"model": model(lambda: made[0], {}), "recipe": recipe_values(made[1])}


def recipe_values(recipe) -> dict:
    """What of a `course.training.Recipe` says how to train, as data: its schedule as a rate an epoch."""
    import keras

    return {
        "rates": [float(recipe.schedule(epoch, ())) for epoch in range(min(recipe.epochs, 1000))],
        "kernels": keras.saving.serialize_keras_object(keras.initializers.get(recipe.kernels)),
        **{name: getattr(recipe, name) for name in ("batch", "momentum", "decay", "ones")},
        "augmented": callable(recipe.augment) or bool(recipe.augment),
    }


PROBES = {probe.__name__: probe for probe in (call, value, layer, model, models, plan)}


def _result(answer, probe: str, arguments: list) -> dict:
    try:
        found = PROBES[probe](answer, *copy.deepcopy(arguments))  # a copy: an answer may change its inputs
        return plain.as_plain({"value": found})
    except Exception as error:
        return _failure(error)


def _failure(error: Exception) -> dict:
    if isinstance(error, NotImplementedError):
        return {"missing": True}
    sentence = f"{type(error).__name__}: {error}"[:500]
    return {"error": plain.with_whole_characters(sentence)}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what is printed, by Python and (TensorFlow's log lines) by C++, nowhere."""
    with silence(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
