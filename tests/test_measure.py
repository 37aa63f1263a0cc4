"""What the engine measures of the machine is whole on every instruction set; how much is not
asserted. Each measurement checks in itself that it computed what it should.
"""

from __future__ import annotations

import math

import pytest
from conftest import ISAS, run_python
from fastmlp import _core

MEASURE = """
from fastmlp import _core
t = _core.testing
print(t.operation_rate("fma", 1, 0.001), t.operation_rate("fma", 2, 0.001))
"""


@pytest.mark.parametrize("isa", ISAS)
def test_arithmetic_is_measured_on_every_instruction_set(isa):
    for rate in run_python(MEASURE, FASTMLP_ISA=isa).split():
        assert 0 < float(rate) < math.inf


@pytest.mark.parametrize("writes", [False, True])
def test_memory_is_measured_whichever_number_of_threads(writes):
    for threads in (1, 2, 3):
        assert 0 < _core.testing.memory_rate(writes, threads, 0.001) < math.inf


def test_threads_that_meet_are_measured():
    assert 0 < _core.testing.barrier_seconds(2, 0.001) < math.inf
    assert 0 < _core.testing.barrier_seconds(1, 0.001) < math.inf
    if _core.cpu_info()["thread_backend"] != "serial":
        assert 0 < _core.testing.ping_pong_seconds() < math.inf
        return
    with pytest.raises(RuntimeError, match="only one thread may run here"):
        _core.testing.ping_pong_seconds()


def test_an_unknown_operation_names_the_choices():
    with pytest.raises(ValueError, match="operation 'fmla' is unknown; choose from: fma"):
        _core.testing.operation_rate("fmla", 1, 0.001)
