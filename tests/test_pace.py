"""The size of a team follows what was measured: simulated machines, quiet and shared."""

from __future__ import annotations

from fastmlp import _core


def run(pace, cost, seconds):
    """Let the pace choose for some simulated time; the share of steps that each size made."""
    steps: dict[int, int] = {}
    clock = 0.0
    while clock < seconds:
        size, took = pace.size, cost(pace.size)
        count = max(1, int(pace.slice_seconds / took) + 1)
        pace.record(count * took, count)
        steps[size] = steps.get(size, 0) + count
        clock += count * took
    total = sum(steps.values())
    return {size: count / total for size, count in steps.items()}


def test_one_thread_has_nothing_to_choose():
    pace = _core.testing.Pace(1)
    assert run(pace, lambda size: 1e-4, 1.0) == {1: 1.0}


def test_a_quiet_machine_keeps_the_large_team():
    pace = _core.testing.Pace(2)
    shares = run(pace, lambda size: 1e-4 / size, 10.0)
    assert shares[2] > 0.99


def test_barriers_that_cost_more_than_the_work_leave_one_thread():
    pace = _core.testing.Pace(8)
    assert run(pace, lambda size: 1e-5 * (1 + size), 1.0)[1] > 0.6
    assert run(pace, lambda size: 1e-5 * (1 + size), 5.0)[1] > 0.98


def test_a_disturbance_is_left_and_returned_from():
    pace = _core.testing.Pace(2)
    run(pace, lambda size: 1e-4 / size, 3.0)
    shared = run(pace, lambda size: 3e-3 if size == 2 else 1.2e-4, 2.0)
    assert shared[1] > 0.95
    run(pace, lambda size: 1e-4 / size, 2.5)
    assert run(pace, lambda size: 1e-4 / size, 2.5)[2] > 0.98


def test_the_best_of_many_sizes_is_found():
    pace = _core.testing.Pace(16)
    costs = {1: 8, 2: 4.5, 4: 3, 8: 4, 16: 9}
    run(pace, lambda size: costs[size] * 1e-5, 2.0)
    assert run(pace, lambda size: costs[size] * 1e-5, 5.0)[4] > 0.95


def test_long_steps_are_not_probed():
    pace = _core.testing.Pace(4)
    assert run(pace, lambda size: 0.2 / size, 20.0) == {4: 1.0}
