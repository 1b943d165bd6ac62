"""Build a network by name, with or without weights, and cut it."""

import contextlib
import gc
import inspect
import sys
from collections.abc import Iterator

import keras

from course.errors import check_positive_integer, unknown
from course.registry import Architecture, find

DEEPEST = 20_000  # Python frames; ResNet-1202 needs about 10,000 to trace and to load


def build(
    name: str,
    shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    *,
    symbolic: bool = False,
    **overrides,
) -> keras.Model:
    """The network called `name`, as a plain functional keras.Model whose output is logits.

    Args:
        name: a registered name or alias; `course.names()` lists them.
        shape: input (height, width, channels); the paper's by default.
        classes: number of outputs; the paper's by default.
        symbolic: build the graph alone: no weight is allocated, so counting is instant and the
            network can be neither run nor trained.
        **overrides: further arguments of the family's builder, such as `depths` or `width`.

    Raises:
        ValueError: for an unknown name or argument, and for a shape that is too small, with the layer
            that fails and the least size that works.
    """
    architecture = find(name)
    given = {"shape": shape, "classes": classes}
    arguments = dict(architecture.row.arguments)
    arguments |= {key: value for key, value in given.items() if value is not None} | overrides
    arguments["name"] = architecture.name
    _check(architecture, arguments)
    scope = symbolic_scope() if symbolic else contextlib.nullcontext()
    with scope, _deep_recursion(), _whole_tracebacks(), _collection_paused():
        try:
            return _with_something_left(architecture.builder(**arguments))
        except ValueError as error:
            layer = _failing_layer(error)
            if layer is None:
                raise
    raise _too_small(architecture, arguments, layer)


def features(model: keras.Model, layer: str) -> keras.Model:
    """The model from its input up to the output of the layer with this name, weights shared."""
    known = [each.name for each in model.layers]
    if layer not in known:
        raise unknown(f"layer in {model.name}", layer, known)
    return keras.Model(model.input, model.get_layer(layer).output, name=f"{model.name}_{layer}")


def headless(model: keras.Model) -> keras.Model:
    """The model without its classifier: up to the input of its last layer that has weights."""
    classifier = [layer for layer in model.layers if layer.weights][-1]
    return keras.Model(model.input, classifier.input, name=f"{model.name}_headless")


@contextlib.contextmanager
def symbolic_scope() -> Iterator[None]:
    """Inside it, layers create variables that have a shape and a dtype but no value.

    Keras keeps those variables in a list and fills them in when the next scope closes. The list has
    no public name: it is emptied of ours here, and nowhere else is Keras's inside touched.
    """
    from keras.src.backend.common import global_state

    pending = global_state.get_global_attribute("uninitialized_variables", [], set_to_default=True)
    before = len(pending)
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        del pending[before:]


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@contextlib.contextmanager
def _whole_tracebacks() -> Iterator[None]:
    """Keras hides its own frames from tracebacks; `_failing_layer` reads them."""
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()


@contextlib.contextmanager
def _collection_paused() -> Iterator[None]:
    """A build makes many objects and no garbage: looking for some takes a tenth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _check(architecture: Architecture, arguments: dict) -> None:
    known = inspect.signature(architecture.builder).parameters
    for argument in arguments:
        if argument not in known:
            raise unknown(f"argument of {architecture.name}", argument, known)
    check_positive_integer("classes", arguments.get("classes", known["classes"].default))
    shape = arguments.get("shape", known["shape"].default)
    if not isinstance(shape, (tuple, list)) or len(shape) != 3:
        raise ValueError(f"shape must be (height, width, channels), not {shape!r}.")
    height, width, channels = shape
    check_positive_integer("The channels of shape", channels)
    for argument, size in (("The height of shape", height), ("The width of shape", width)):
        if size is not None:  # unknown sizes are Keras's None
            check_positive_integer(argument, size)


class _NothingLeftError(ValueError):
    """A layer whose output has no pixels. Keras before 3.15 builds it without a word."""


def _with_something_left(model: keras.Model) -> keras.Model:
    for layer in model.layers:
        if any(0 in output.shape for output in keras.tree.flatten(layer.output)):
            raise _NothingLeftError(layer.name)
    return model


def _failing_layer(error: ValueError) -> str | None:
    """The layer that had nothing left to look at when `error` was raised; None for other errors."""
    if isinstance(error, _NothingLeftError):
        return str(error)
    if "negative" not in str(error):
        return None
    trace = error.__traceback__
    while trace is not None:
        caller = trace.tb_frame.f_locals.get("self")
        if isinstance(caller, keras.layers.Layer):
            return caller.name
        trace = trace.tb_next
    return None


def _too_small(architecture: Architecture, arguments: dict, layer: str) -> ValueError:
    shape = arguments.get("shape") or inspect.signature(architecture.builder).parameters["shape"].default

    def works(size: int) -> bool:
        try:
            with symbolic_scope(), _deep_recursion():
                _with_something_left(architecture.builder(**arguments | {"shape": (size, size, shape[2])}))
        except ValueError:
            return False
        return True

    low, high = min(shape[:2]), 2 * max(shape[:2])
    while not works(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return ValueError(
        f"shape {tuple(shape)} is too small for {architecture.name}: nothing is left at layer {layer!r}. "
        f"The least size is {high}x{high}."
    )
