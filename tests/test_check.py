"""`check` as students meet it: in plain Python, in Jupyter, with and without the answers installed."""

import subprocess
import sys

import pytest

from autograder import check
from autograder.exercises.conv_arithmetic import conv_params, conv_params_without_bias
from autograder.report import Score


def test_score_is_a_float_and_a_table(capsys):
    score = check("parameters", conv_params)
    assert isinstance(score, Score)
    assert score == 3.0
    assert repr(float(score)) == "3.0"
    page = score._repr_html_()
    assert "Parameters of a convolution: 3 of 3 points" in page
    printed = capsys.readouterr().out
    assert "conv_params(11, 3, 64)" in printed
    assert "Grading draws others" in printed


def test_wrong_answer_shows_expected_got_and_the_misconception(capsys):
    assert check("parameters", conv_params_without_bias) == 0
    printed = capsys.readouterr().out
    assert "23,296" in printed
    assert "23,232" in printed
    assert "FORGOT_BIAS" in printed


def test_hidden_cases_show_no_input_and_no_value(capsys):
    def leaking(kernel, in_channels, filters):
        raise RuntimeError(f"I was given {kernel} {in_channels} {filters}")

    check("parameters", leaking, hidden=True)
    printed = capsys.readouterr().out
    assert "0 of 5 right" in printed
    assert printed.count("I was given") == 3  # the public cases


def test_html_escapes_what_a_student_returns():
    page = check("flip_test", lambda *_: 0, lambda *_: "<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_errors_are_sentences():
    with pytest.raises(ValueError, match=r"called 'parameter'\. Did you mean parameters"):
        check("parameter", conv_params)
    with pytest.raises(ValueError, match="takes 3 answers: conv_output, pool_output, same_output"):
        check("output_size", conv_params)


def test_notebook_shows_the_score_as_html_and_prints_nothing():
    from IPython.testing.globalipapp import get_ipython, start_ipython

    shell = start_ipython() or get_ipython()
    shell.kernel = object()  # what tells a notebook from a terminal
    shell.display_formatter.active_types = shell.display_formatter.format_types
    try:
        data, _ = shell.display_formatter.format(check("parameters", conv_params))
    finally:
        del shell.kernel
    assert data["text/plain"] == "3.0"
    assert data["text/html"].startswith("<div")


def test_check_needs_neither_nbgrader_nor_tensorflow_nor_the_answers():
    script = (
        "import sys\n"
        "sys.modules['nbgrader'] = sys.modules['autograder.exercises'] = None\n"
        "from autograder import check\n"
        "assert check('parameters', lambda k, c, f: f * (k * k * c + 1)) == 3\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_log_lines_on_file_descriptor_2_are_swallowed(capfd):
    import os

    def noisy(kernel, in_channels, filters):
        os.write(2, b"I0000 tensorflow says something\n")
        return conv_params(kernel, in_channels, filters)

    assert check("parameters", noisy) == 3
    assert capfd.readouterr().err == ""
