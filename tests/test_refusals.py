"""What a cell says where memory is missing, in a real kernel: the first time, and afterwards."""

import pytest
from kernels import Kernel

HALF = """
import pathlib, sys
sys.path.insert(0, {folder!r})
pathlib.Path({folder!r}, "half.py").write_text({source!r})
from sockets_lab import panels
from sockets_lab.lessons.ports.figure import sixteen_bits
lesson = panels.lesson("03_ports")
"""
MISSING = "import builtins\nbuiltins.times = getattr(builtins, 'times', 0) + 1\n" \
          "raise MemoryError if builtins.times == 1 else KeyError('a name')"  # fmt: skip


@pytest.fixture
def kernel(tmp_path):
    with Kernel() as kernel:
        begun = kernel.run(HALF.format(folder=str(tmp_path), source=MISSING))
        assert not begun.error
        yield kernel


def test_missing_memory_and_what_comes_of_it_are_told_in_a_sentence(kernel):
    first = kernel.run("import half")
    assert first.is_sentence
    assert "ENOMEM: not enough memory. The kernel has no memory left" in first.trace
    again = kernel.run("import half")
    assert again.error == "KeyError"
    assert again.is_sentence
    assert "memory was missing before and a module is half loaded" in again.trace
    mistake = kernel.run("{}['mine']")
    assert mistake.error == "KeyError"
    assert not mistake.is_sentence


def test_after_that_no_memory_goes_into_pictures_to_save(kernel):
    assert "No picture" not in kernel.run("lesson.show(sixteen_bits(443))").text
    kernel.run("import half")
    shown = kernel.run("lesson.show(sixteen_bits(443))")
    assert not shown.error
    assert "No picture can be saved: ENOMEM" in shown.text
    assert "half loaded" not in shown.text


def test_one_demand_for_too_much_leaves_the_pictures_as_they_were(kernel):
    assert kernel.run("bytearray(1 << 60)").is_sentence
    assert "No picture" not in kernel.run("lesson.show(sixteen_bits(443))").text


def test_an_error_without_missing_memory_keeps_its_traceback(kernel):
    kernel.run("import builtins\nbuiltins.times = 1")
    loading = kernel.run("import half")
    assert loading.error == "KeyError"
    assert not loading.is_sentence
