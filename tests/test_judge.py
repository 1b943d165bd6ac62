"""Comparing a result with what was expected, case by case, and what may come from a student's process."""

import io
import json
import zipfile

import numpy as np
import pytest

from autograder import plain
from autograder.check import CASES
from autograder.forbidden import mentions, roundabout, uses
from autograder.judge import compare, judge, same
from autograder.probe import observe
from autograder.report import to_html, to_text


@pytest.mark.parametrize(
    ("expected", "got", "right"),
    [
        (27, 27, True),
        (27, 27.0, True),  # np.floor gives a float
        (27, 27.5, False),
        (27, True, False),
        (1, True, False),
        (27, "27", False),
        (27, None, False),
        (27, float("nan"), False),
        (27, np.array(27), True),
        (0.1, 0.1 + 1e-9, True),
        (0.1, 0.1001, False),
        (True, True, True),
        (True, 1, False),
        ("both", "both", True),
        ("both", "Both", False),
        ([1, 2], [1, 2], True),
        ([1, 2], np.array([1, 2]), True),
        ([1, 2], [2, 1], False),
        (np.eye(2), [[1, 0], [0, 1]], True),
        (np.eye(2), np.eye(3), False),
        (np.eye(2), [[1, 0], [0]], False),
        (np.eye(2), [["a", "b"], ["c", "d"]], False),
        (np.eye(2), np.eye(2) * 1.001, False),
        (np.eye(2), np.array([[1, 0], [0, np.nan]]), False),
        (np.eye(2, dtype=int), np.eye(2) + 1e-9, False),  # whole numbers are exact
    ],
)
def test_same(expected, got, right):
    assert same(expected, got, 1e-6) is right


def test_type_shape_and_value_are_lines_of_their_own():
    aspects = [(line.aspect, line.right) for line in compare(np.eye(2), np.zeros((2, 2)), 1e-6)]
    assert aspects == [("type", True), ("shape", True), ("value", False)]
    aspects = [(line.aspect, line.right) for line in compare(np.eye(2), np.eye(3), 1e-6)]
    assert aspects == [("type", True), ("shape", False)]
    aspects = [(line.aspect, line.right) for line in compare(3, "three", 1e-6)]
    assert aspects == [("type", False)]


def test_first_difference_is_shown():
    *_, value = compare(np.zeros((2, 3)), np.array([[0, 0, 0], [0, 7, 8]]), 1e-6)
    assert value.expected == "0 at [1, 1]"
    assert value.got == "7 at [1, 1] (2 of 6 differ)"


SHEET = {
    "id": "double",
    "title": "Twice",
    "points": 4,
    "tolerance": 1e-6,
    "forbidden": ["scipy"],
    "answers": {"double": {"hint": "add it to itself", "signature": "(x)"}},
    "misconceptions": {"SQUARED": {"of": "double", "hint": "that is x times x"}},
    "cases": [
        {
            "of": "double",
            "probe": "call",
            "arguments": [x],
            "look": [],
            "hidden": x > 3,
            "expected": 2 * x,
            "wrong": {"SQUARED": [x * x]},
        }
        for x in (2, 3, 4, 5)
    ],
}


def judged(function):
    return judge(SHEET, observe(["double"], lambda: [function], SHEET["cases"], SHEET["forbidden"]))


def test_partial_credit_is_by_case():
    assert judged(lambda x: 2 * x).score == 4
    assert judged(lambda x: 2 * x if x < 5 else 0).score == 3
    assert judged(lambda x: 0).score == 0


def test_misconception_needs_every_case_and_two_that_tell():
    assert list(judged(lambda x: x * x).misconceptions) == ["SQUARED"]
    assert not judged(lambda x: x * x if x < 5 else 0).misconceptions
    assert not judged(lambda x: 2 * x).misconceptions


def test_an_answer_may_raise_print_change_its_input_or_be_missing():
    def noisy(x):
        print("thinking")
        return 2 * x

    def missing(x):
        raise NotImplementedError

    assert judged(noisy).score == 4
    assert judged(missing).score == 0
    assert judged(missing).verdicts[0].lines[0].got == "Not written yet."
    assert not judged(missing).notes  # no hint before a try
    assert "ZeroDivisionError" in judged(lambda x: x / 0).verdicts[0].lines[0].got
    assert judged(5).verdicts[0].lines[0].got == "TypeError: It is a int, not a function."
    assert "no number" in judged(lambda x: object()).verdicts[0].lines[0].got


def test_an_answer_cannot_change_the_inputs_of_the_next_case():
    calls = [{"of": "total", "probe": "call", "arguments": [[1, 2]]}] * 2
    observed = observe(["total"], lambda: [lambda values: values.append(3) or sum(values)], calls, [])
    assert [result["value"] for result in observed["results"]] == [6, 6]


@pytest.mark.parametrize(
    "observed",
    [
        {},
        None,
        [],
        "full marks",
        {"results": None},
        {"results": []},
        {"results": [1, 2, 3, 4]},
        {"results": [{"value": {}}] * 4},
        {"results": [{"score": 4}] * 4},
        {"results": [{"value": 1, "type": 7}] * 4, "forbidden": 3},
        {"results": [], "forbidden": [np.zeros(3), {}]},
        {"results": [{"missing": "yes"}] * 4},
    ],
)
def test_malformed_observations_earn_nothing(observed):
    assert judge(SHEET, observed).score == 0


HALF = json.loads(r'"\ud800"')  # of a character: no file can hold it
NESTED = json.loads("[" * 300 + "]" * 300)
SENT = [
    *(
        10**400,
        float("inf"),
        float("nan"),
        -0.0,
        True,
        None,
        "",
        "x" * 100_000,
        [],
        [[]],
        [1, [2]],
        [10**400],
    ),
    *(
        {},
        {"a": 1},
        {"": []},
        NESTED,
        [None],
        np.zeros(0),
        np.array(3),
        np.zeros((3, 0, 2)),
        np.array([True]),
    ),
    *({"model": {}, "recipe": {}}, [{"class_name": "x"}], {"class_name": "Model", "module": "keras"}),
]


@pytest.mark.parametrize("exercise", sorted(path.stem for path in CASES.glob("*.json")))
def test_whatever_is_sent_makes_a_report_without_points(exercise):
    sheet = plain.read(CASES / exercise)
    entries = {
        key for case in sheet["cases"] if isinstance(case["expected"], dict) for key in case["expected"]
    }
    for value in SENT + [dict.fromkeys(entries, value) for value in SENT]:
        report = judge(sheet, {"results": [{"value": value}] * len(sheet["cases"])})
        to_html(report).encode()
        to_text(report).encode()
        # a list or a flag that is right for one case is not for the others
        assert report.score < report.points / 2


def test_plain_data_round_trip():
    value = {"a": [1, 2.5, "x", None, True], "b": np.arange(6.0).reshape(2, 3), "c": [np.eye(2)]}
    back = plain.from_text(plain.to_text(value))
    np.testing.assert_array_equal(back["b"], value["b"])
    np.testing.assert_array_equal(back["c"][0], np.eye(2))
    assert back["a"] == value["a"]


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), np.array(["text"]), lambda: 0, 1j])
def test_only_plain_data_is_packed(value):
    with pytest.raises(plain.NotPlainError):
        plain.pack(value)


def test_numbers_and_tensors_of_any_kind_are_packed():
    numbers = {"a": [np.float32(0.5), np.longdouble(2), np.int8(3), np.bool_(True), np.str_("x")], "b": (1,)}
    assert plain.as_plain(numbers) == {"a": [0.5, 2.0, 3, True, "x"], "b": [1]}
    assert [type(each) for each in plain.as_plain(numbers)["a"]] == [float, float, int, bool, str]


def test_what_is_too_large_is_refused():
    with pytest.raises(plain.NotPlainError, match="20 MiB"):
        plain.pack(np.zeros(plain.LARGEST // 8 + 1))


@pytest.mark.parametrize(
    "line", ["", "x", "e30=.eA==", "eyIkYXJyYXkiOiAiMCJ9.", "W1tb.", "é.", "bnVsbA==.UEsDBA=="]
)
def test_what_is_no_plain_data_is_refused(line):
    with pytest.raises(plain.NotPlainError):
        plain.from_text(line)


def test_pickles_are_refused():
    stream = io.BytesIO()
    np.savez(stream, **{"0": np.array([print], dtype=object)})
    with pytest.raises(plain.NotPlainError):
        plain.unpack('{"$array": "0"}', stream.getvalue())


@pytest.mark.parametrize("text", [r'["\ud800"]', r'{"\ud800": 1}', '{"$array": []}', '{"$array": {}}'])
def test_text_that_no_file_can_hold_and_arrays_without_a_name_are_refused(text):
    with pytest.raises(plain.NotPlainError):
        plain.unpack(text)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((10**13,), "<f8"),
        ((10**30,), "<f8"),
        ((-5,), "<f8"),
        ((2**62,), "|S0"),
        ((2**40,), "|V0"),
        ((1,), "<U1"),
    ],
)
def test_an_array_that_claims_to_be_huge_or_is_not_of_numbers_is_refused(shape, kind):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open("0.npy", "w") as member:
        header = {"descr": kind, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        member.write(bytes(16))
    with pytest.raises(plain.NotPlainError):
        plain.unpack('{"$array": "0"}', stream.getvalue())


def test_what_an_answer_raises_can_be_sent():
    def raising(x):
        raise ValueError(HALF)

    observed = observe(["double"], lambda: [raising], SHEET["cases"], SHEET["forbidden"])
    assert plain.from_text(plain.to_text(observed))["results"][0] == {"error": "ValueError: ?"}


def answer_in_main(source: str):
    """A function as a notebook defines it: in __main__, with the imports of its cell."""
    namespace = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace["answer"]


@pytest.mark.parametrize(
    "source",
    [
        "import scipy.signal\ndef answer(x): return scipy.signal.correlate(x, x)",
        "from scipy.signal import correlate as mine\ndef answer(x): return mine(x, x)",
        "import scipy.signal as s\ndef g(x): return s.correlate(x, x)\ndef answer(x): return g(x)",
        "from scipy.signal import correlate\nanswer = lambda x: (lambda y: correlate(y, y))(x)",
        "from scipy.signal import correlate as answer",
        "from scipy.signal import correlate\nmake = lambda f: lambda x: f(x, x)\nanswer = make(correlate)",
        "from scipy.signal import correlate\nbox = [{'a': (correlate,)}]\n"
        "def answer(x): return box[0]['a'][0](x, x)",
        "from scipy.signal import correlate\ndef answer(x, how=correlate): return how(x, x)",
        "from scipy.signal import correlate\ndef answer(x, *, how=correlate): return how(x, x)",
        "import functools, scipy.signal\nanswer = functools.partial(scipy.signal.correlate, [1])",
        "from scipy.signal import correlate\nclass Box: pass\nbox = Box()\nbox.how = correlate\n"
        "def answer(x): return box.how(x, x)",
        "from scipy.signal import correlate\nclass Box(list):\n    def __iter__(self): return iter(())\n"
        "box = Box([correlate])\ndef answer(x): return box[0](x, x)",
        "import functools\nfrom scipy.signal import correlate\n"
        "answer = functools.lru_cache(lambda x: correlate(x, x))",
        "from scipy.signal import correlate\nclass Box:\n    @property\n    def how(self): return correlate\n"
        "def answer(x): return Box().how(x, x)",
        "from scipy.stats import norm\nclass Mine(type(norm)): pass\ndef answer(x): return Mine().pdf(x)",
        "from scipy.stats import norm\nfrozen = norm(0, 1)\ndef answer(x): return frozen.pdf(x)",
    ],
)
def test_forbidden_names_are_found_behind_aliases(source):
    assert uses([answer_in_main(source)], ["scipy"]) == {"scipy"}


@pytest.mark.parametrize(
    "source",
    [
        "def answer(x): return made(x)",
        "answer = made",
        "boxes = {'a': [made]}\ndef answer(x): return boxes['a'][0](x)",
        "method = made.__call__\ndef answer(x): return method(x)",
    ],
)
def test_an_object_of_a_forbidden_class_is_found_by_the_name_that_the_class_has_in_keras(source):
    made = "import keras\nmade = getattr(keras.layers, 'Batch' + 'Normalization')()\n"
    assert uses([answer_in_main(made + source)], ["keras.layers.BatchNormalization"])


def test_other_names_are_not_forbidden():
    assert not uses([answer_in_main("import numpy as np\ndef answer(x): return np.sum(x)")], ["scipy"])


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import scipy", {"scipy"}),
        ("def f():\n  from scipy import signal", {"scipy"}),
        ("course.cost.arithmetic.conv_output(1, 2)", {"course.cost"}),
        ("from course import cost", {"course.cost"}),
        ("def f(x):\n  import course as c\n  return c.cost.total(x)", {"course.cost"}),
        ("def f(x):\n  from course import layers as cost\n  return cost.total(x)", set()),
        ("scipyx = 1", set()),
        ("def broken(", set()),
    ],
)
def test_forbidden_names_are_found_in_the_source(source, found):
    assert mentions(source, ["scipy", "course.cost"]) == found


def test_the_keras_of_tensorflow_is_keras():
    source = "def f():\n  import tensorflow as tf\n  return tf.keras.metrics.TopKCategoricalAccuracy()"
    assert mentions(source, ["keras.metrics"]) == {"keras.metrics"}
    assert mentions("from tensorflow.keras.metrics import Mean", ["keras.metrics"]) == {"keras.metrics"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import re\npattern = re.compile('kernel$')", set()),
        ("modules = [1, 2]\nmodules.append(3)", set()),
        ("model.compile(optimizer='sgd')", set()),
        ("code = compile(text, 'name', 'exec')", {"compile", "exec"}),
        ("if False:\n  eval = 1\neval('1')", {"eval"}),
        ("import sys\nsys.modules['course']", {"modules"}),
        ("print.__self__.exec('1')", {"__self__"}),
        ("from gc import get_objects as harmless", {"gc"}),
        ("import numpy.ctypeslib, os.path, collections.abc", set()),
        ("getattr(np, 'exec')", {"exec"}),
        ("def broken(", set()),
        ("a\0b", set()),
        ("-" * 100_000 + "1", {"code that cannot be looked through"}),
        ("pass\n" * 100_000, {"code that cannot be looked through"}),
        ("!ls\n" * 900, {"code that cannot be looked through"}),
        ("%time scipy.signal", {"get_ipython"}),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else ",".join(sorted(value)),
)
def test_roundabout_ways_are_told_from_honest_names(source, found):
    assert roundabout(source) == found
