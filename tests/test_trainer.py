"""The engine's own call: what a step computes, how it is interrupted, refused or diverges, and who
may use a network when.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time

import numpy as np
import pytest
from conftest import run_python
from fastmlp import _core

X = np.random.default_rng(0).normal(size=(60, 4)).astype("f4")
T = np.random.default_rng(1).integers(0, 3, 60)


def network(dtype="float32", sizes=(4, 8, 3), activations=("tanh", "softmax")):
    made = _core.Network(list(sizes), list(activations), dtype)
    made.initialize("glorot_uniform", 0)
    return made


def trainer(net, x=X, t=T, **options):
    return _core.Trainer(
        net, x, t, **{"loss": "categorical_cross_entropy", "batch_size": 8, **options}
    )


def run_epochs(tr, count):
    for epoch in range(count):
        tr.run_epoch(epoch)


def weights(net):
    return b"".join(w.tobytes() + b.tobytes() for w, b in net.parameters())


def gradients_of(parameters, rows):
    """The gradients of one batch in float64 NumPy: tanh, softmax, cross-entropy."""
    (w1, b1), (w2, b2) = parameters
    x, t = X[rows].astype("f8"), np.eye(3)[T[rows]]
    h = np.tanh(x @ w1 + b1)
    e = np.exp(h @ w2 + b2)
    d2 = (e / e.sum(axis=1, keepdims=True) - t) / len(rows)
    d1 = (d2 @ w2.T) * (1 - h**2)
    return [[x.T @ d1, d1.sum(axis=0)], [h.T @ d2, d2.sum(axis=0)]]


def numpy_sgd(parameters, order, batch, rate, momentum, l2):
    """The same epoch in float64 NumPy: v <- m v + g + l2 w (biases without), w <- w - rate v."""
    velocity = [[np.zeros_like(a) for a in pair] for pair in parameters]
    for first in range(0, len(order), batch):
        gradients = gradients_of(parameters, order[first : first + batch])
        for pair, v_pair, g_pair in zip(parameters, velocity, gradients, strict=True):
            g_pair[0] += l2 * pair[0]
            for array, v, g in zip(pair, v_pair, g_pair, strict=True):
                v *= momentum
                v += g
                array -= rate * v
    return parameters


@pytest.mark.parametrize(("momentum", "l2"), [(0.0, 0.0), (0.9, 0.0), (0.5, 0.01)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_is_the_formulas(momentum, l2, shuffle):
    net = network("float64")
    order = _core.permutation(60, 5, 2) if shuffle else np.arange(60)
    expected = numpy_sgd([[w, b] for w, b in net.parameters()], order, 8, 0.2, momentum, l2)
    result = trainer(
        net, learning_rate=0.2, momentum=momentum, l2=l2, seed=5, shuffle=shuffle
    ).run_epoch(2)
    assert (result.steps, result.samples) == (8, 60)
    for (w, b), (we, be) in zip(net.parameters(), expected, strict=True):
        assert np.allclose(w, we, rtol=0, atol=1e-14)
        assert np.allclose(b, be, rtol=0, atol=1e-14)


def test_momentum_goes_on_over_epochs():
    both = []
    for split in (False, True):
        net = network("float64")
        t = trainer(net, X[:8], T[:8], momentum=0.9, shuffle=False)
        t.run_epoch(0)
        if split:
            t.close()
            t = trainer(net, X[:8], T[:8], momentum=0.9, shuffle=False)
        t.run_epoch(1)
        both.append(weights(net))
    assert both[0] != both[1]


def test_counts_and_losses_are_those_of_the_forward_pass():
    net = network()
    y = net.predict(X)
    result = trainer(net, learning_rate=0.0).run_epoch(0)
    assert result.correct == (y.argmax(axis=1) == T).sum()
    assert result.loss == pytest.approx(-np.log(y[np.arange(60), T]).mean(), rel=1e-6)
    assert net.evaluate(X, T, "categorical_cross_entropy") == (
        pytest.approx(result.loss, rel=1e-6),
        result.correct,
    )


def test_one_sigmoid_output_counts_sides_of_one_half():
    net = network(sizes=(4, 1), activations=("sigmoid",))
    t = T % 2
    _, correct = net.evaluate(X, t, "binary_cross_entropy")
    assert correct == ((net.predict(X)[:, 0] > 0.5) == t).sum()


# ---- interruption --------------------------------------------------------------------------------
# ------------------------------------


def long_job(batch=64, batches=40):
    """A network, and enough rows that an epoch takes a good part of a second."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(batch * batches, 512)).astype("f4")
    net = _core.Network([512, 1024, 1024, 10], ["relu", "relu", "softmax"])
    net.initialize("he_normal", 0)
    return net, x, rng.integers(0, 10, len(x))


@pytest.mark.parametrize(("batch", "batches"), [(64, 400), (1024, 25), (8192, 3)])
def test_ctrl_c_ends_at_a_whole_step(batch, batches):
    """Between two steps; inside a long step that updates at once, or that stores its gradient."""
    net, x, t = long_job(batch, batches)
    tr = trainer(net, x, t, batch_size=batch, learning_rate=0.01)
    begun = []

    def run():
        for epoch in range(1000):
            begun.append(epoch)
            tr.run_epoch(epoch)

    threading.Timer(0.25, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run()
    partial = tr.last_epoch
    assert partial.samples == partial.steps * batch < len(x)
    tr.close()

    # The weights are those of the committed steps: whole epochs, then the steps of the last.
    again, _, _ = long_job(batch, batches)
    repeat = trainer(again, x, t, batch_size=batch, learning_rate=0.01)
    run_epochs(repeat, begun[-1])
    repeat.close()
    rows = _core.permutation(len(x), 0, begun[-1])[: partial.samples]
    if len(rows):
        rest = {"batch_size": batch, "learning_rate": 0.01, "shuffle": False}
        trainer(again, x[rows], t[rows], **rest).run_epoch(0)
    assert weights(net) == weights(again)


def test_progress_sees_samples_and_may_end_the_epoch():
    net, x, t = long_job(batches=1600)
    seen = []

    def progress(samples):
        seen.append(samples)
        if len(seen) == 3:
            raise RuntimeError("enough")

    tr = trainer(net, x, t, batch_size=64)
    with pytest.raises(RuntimeError, match="enough"):
        tr.run_epoch(0, progress)
    assert seen == sorted(seen)
    assert 0 < seen[-1] == tr.last_epoch.samples
    assert np.isfinite(tr.last_epoch.loss)


def test_other_python_threads_run_meanwhile():
    net, x, t = long_job(batches=1600)
    ticks = []
    stop = threading.Event()
    worker = threading.Thread(
        target=lambda: [
            ticks.append(time.monotonic()) or time.sleep(0.001) for _ in iter(stop.is_set, True)
        ]
    )
    worker.start()
    trainer(net, x, t, batch_size=64).run_epoch(0)
    stop.set()
    worker.join()
    assert len(ticks) > 5


# ---- divergence ----------------------------------------------------------------------------------
# ------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_divergence_is_an_error_and_the_weights_stay_finite(dtype, momentum):
    net = _core.Network([4, 8, 8, 1], ["relu", "relu", "identity"], dtype)
    net.initialize("he_normal", 0)
    tr = _core.Trainer(
        net,
        X,
        X[:, :1].copy(),
        loss="mean_squared_error",
        learning_rate=1e3,
        momentum=momentum,
        batch_size=8,
    )
    with pytest.raises(FloatingPointError, match=r"training diverged in epoch \d+, step \d+"):
        run_epochs(tr, 1000)
    assert all(np.isfinite(w).all() and np.isfinite(b).all() for w, b in net.parameters())
    kept = weights(net)
    with pytest.raises(FloatingPointError):
        tr.run_epoch(1000)
    assert weights(net) == kept


def test_nan_cannot_get_lost_on_the_way_to_the_decision():
    """The output overflows, softmax makes NaN of it, and nothing else in the step is not finite."""
    net = network(sizes=(4, 3), activations=("softmax",))
    net.set_parameters([(np.full((4, 3), 1e37), np.zeros(3))])
    before = weights(net)
    tr = trainer(net, np.abs(X) + 10, T)
    with pytest.raises(FloatingPointError):
        tr.run_epoch(0)
    assert tr.last_epoch.steps == 0
    assert weights(net) == before


def test_growing_inputs_are_stopped_before_the_weights_overflow():
    net = network(sizes=(4, 1), activations=("identity",))
    x = X.copy()
    x[40] = 3e38
    tr = trainer(net, x, X[:, :1].copy(), loss="mean_squared_error", shuffle=False)
    with pytest.raises(FloatingPointError, match="step 5"):
        tr.run_epoch(0)
    assert tr.last_epoch.steps == 5
    assert all(np.isfinite(w).all() for w, _ in net.parameters())


# ---- who may use a network when ------------------------------------------------------------------
# ------------------------------------


def test_a_second_trainer_is_refused_until_the_first_is_closed():
    net = network()
    first = trainer(net)
    with pytest.raises(RuntimeError, match="already has a trainer"):
        trainer(net)
    with pytest.raises(RuntimeError, match="close the trainer first"):
        net.initialize("zeros", 0)
    first.close()
    with pytest.raises(RuntimeError, match="trainer is closed"):
        first.run_epoch(0)
    second = trainer(net)
    del second
    gc.collect()
    trainer(net)


def test_a_trainer_cannot_be_closed_under_its_own_epoch():
    net, x, t = long_job(batches=1600)
    tr = trainer(net, x, t, batch_size=64)

    def progress(samples):
        tr.close()

    with pytest.raises(RuntimeError, match="the trainer is running an epoch"):
        tr.run_epoch(0, progress)
    with pytest.raises(RuntimeError, match="already has a trainer"):
        trainer(net, x, t)


def test_labels_changed_after_the_check_do_no_harm():
    net, other = network(), network()
    t = T.copy()
    tr = trainer(net, X, t)
    t[:] = 10**12
    tr.run_epoch(0)
    trainer(other).run_epoch(0)
    assert weights(net) == weights(other)


def test_a_network_in_training_refuses_other_uses():
    net, x, t = long_job(batches=1600)
    refused = []

    def progress(samples):
        for use in (
            lambda: net.predict(x[:1]),
            net.parameters,
            lambda: net.initialize("zeros", 0),
            lambda: tr.run_epoch(0),
        ):
            try:
                use()
            except RuntimeError as error:
                refused.append(str(error))
        raise StopIteration

    tr = trainer(net, x, t, batch_size=64)
    with pytest.raises(StopIteration):
        tr.run_epoch(0, progress)
    assert len(refused) == 4
    assert net.predict(x[:1]).shape == (1, 10)


def test_many_threads_may_predict_at_once():
    net = network()
    x = np.tile(X, (50, 1))
    expected, found = net.predict(x), []
    threads = [
        threading.Thread(target=lambda: found.extend(net.predict(x) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert all(np.array_equal(expected, other) for other in found)


def test_a_forked_child_trains_with_the_same_bits():
    """After OpenMP threads have run in the parent, a child of fork must not wait for them."""
    code = """
import os, test_trainer as t
from fastmlp import _core
_core.testing.force_team_size(2)
def run():
    net = t.network(); t.trainer(net).run_epoch(0); return t.weights(net)
expected = run()
child = os.fork()
if child == 0:
    os._exit(0 if run() == expected else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_python(code) == "0\n"


def test_a_child_does_not_wait_for_openmp_threads_of_another_library():
    """They ran in the same OpenMP runtime before any team of ours; the fork took them away."""
    if _core.cpu_info()["thread_backend"] != "openmp":
        pytest.skip("this build has no OpenMP")
    code = """
import ctypes, os, signal, test_trainer as t
from fastmlp import _core
libgomp, libc = ctypes.CDLL("libgomp.so.1"), ctypes.CDLL(None)
libgomp.GOMP_parallel(libc.free, None, 2, 0)  # free(NULL) on two threads
_core.testing.force_team_size(2)
child = os.fork()
if child == 0:
    signal.alarm(20)
    t.trainer(t.network()).run_epoch(0)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_python(code) == "0\n"


def test_inputs_are_not_changed_and_may_be_read_only():
    x, t = X.copy(), T.copy()
    x.flags.writeable = t.flags.writeable = False
    trainer(network(), x, t).run_epoch(0)
    assert np.array_equal(x, X)
    assert np.array_equal(t, T)
