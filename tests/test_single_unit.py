"""LinearRegression and SoftmaxRegression: what they find against plain NumPy, and scikit-learn's
conventions.
"""

from __future__ import annotations

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(120, 4)) * [1, 10, 0.1, 3] + [5, 0, -1, 100]
SLOPES = np.array([[2.0, -0.3, 7.0, 0.05], [0.0, 1.0, -4.0, 0.2]])
Y = X @ SLOPES.T + [3.0, -8.0] + 0.1 * RNG.normal(size=(120, 2))
STEPS = {"solver": "sgd", "epochs": 3000, "batch_size": 120, "learning_rate": 0.3}
CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


def normal_equations(x, y):
    """Least squares in another way: (A^T A)^-1 A^T y, A with a column of ones."""
    a = np.column_stack([x, np.ones(len(x))])
    solution = np.linalg.solve(a.T @ a, a.T @ y)
    return solution[:-1].T, solution[-1]


@pytest.mark.parametrize("options", [{}, STEPS | {"dtype": "float64"}], ids=["exact", "sgd"])
@pytest.mark.parametrize("outputs", [0, 1, 2])
def test_both_solvers_find_the_least_squares(options, outputs):
    y = Y[:, 0] if outputs == 0 else Y[:, :outputs]
    slopes, intercept = normal_equations(X, y)
    found = fastmlp.LinearRegression(**options).fit(X, y)
    np.testing.assert_allclose(found.coef_, slopes, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found.intercept_, intercept, rtol=1e-7)
    assert found.coef_.shape == ((4,) if outputs == 0 else (outputs, 4))
    np.testing.assert_allclose(found.predict(X), X @ found.coef_.T + found.intercept_, rtol=1e-9)
    residual = ((y - found.predict(X)) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    assert found.score(X, y) == pytest.approx(1 - residual.mean(), rel=1e-12)
    assert found.n_iter_ == options.get("epochs", 0)


def test_of_many_solutions_the_exact_one_is_the_smallest():
    x = np.column_stack([X, X[:, 0]])  # a column twice
    found = fastmlp.LinearRegression().fit(x, Y)
    np.testing.assert_allclose(found.coef_[:, 0], found.coef_[:, 4], rtol=1e-9)
    np.testing.assert_allclose(found.predict(x), fastmlp.LinearRegression().fit(X, Y).predict(X))


def test_whole_numbers_are_values_and_pictures_may_be_bytes():
    x = RNG.integers(0, 256, (50, 3)).astype(np.uint8)
    y = x.astype(int) @ [1, 2, 3] + 4
    found = fastmlp.LinearRegression().fit(x, y)
    np.testing.assert_allclose([*found.coef_, found.intercept_], [1, 2, 3, 4], rtol=1e-9)


def test_softmax_regression_is_the_network_of_one_layer():
    place = X[:, 1] / 10 + (X[:, 3] - 100) / 3
    labels = np.array(["a", "b", "c"])[(place > -1).astype(int) + (place > 1)]
    options = {"scaling": "standard", "epochs": 400, "seed": 4}
    found = fastmlp.SoftmaxRegression(**options).fit(X, labels)
    same = fastmlp.train(X, labels, hidden=[], **options)
    np.testing.assert_array_equal(found.predict_proba(X), same.predict_proba(X))
    z = X @ found.coef_.T + found.intercept_
    expected = np.exp(z - z.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.predict_proba(X), expected, atol=2e-5)
    assert found.classes_.tolist() == ["a", "b", "c"]
    assert found.coef_.shape == (3, 4)
    assert found.score(X, labels) == (same.predict(X) == labels).mean() > 0.8
    assert (found.n_iter_, found.n_features_in_) == (400, 4)


def test_its_optimum_has_no_gradient():
    """At the least cross-entropy with l2 the mean of (p - t) x is -l2 w, class by class."""
    x, labels = X / [1, 10, 0.1, 3] - [5, 0, -10, 33], np.arange(120) % 3
    options = {"l2": 0.1, "epochs": 3000, "batch_size": 120, "learning_rate": 0.5}
    found = fastmlp.SoftmaxRegression(dtype="float64", **options).fit(x, labels)
    error = found.predict_proba(x) - np.eye(3)[labels]
    np.testing.assert_allclose(error.T @ x / 120, -0.1 * found.coef_, atol=1e-12)
    np.testing.assert_allclose(error.mean(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("solver", ["exact", "sgd"])
def test_a_linear_regression_can_be_saved(solver, tmp_path):
    found = fastmlp.LinearRegression(solver=solver).fit(X, Y)
    found.model_.save(tmp_path / "m.safetensors")
    loaded = fastmlp.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), found.predict(X))
    assert loaded.evaluate(X, Y).r2 == found.score(X, Y)


ALL = [
    fastmlp.LinearRegression(),
    fastmlp.LinearRegression(solver="sgd", epochs=7, optimizer="adam"),
    fastmlp.SoftmaxRegression(epochs=3, l2=0.1),
    fastmlp.Perceptron(seed=3, max_updates=50),
]


@pytest.mark.parametrize("estimator", ALL, ids=repr)
def test_parameters_can_be_read_and_set(estimator):
    params = estimator.get_params()
    copy = type(estimator)(**params)
    assert copy.get_params(deep=False) == params
    assert repr(copy) == repr(estimator)
    assert copy.set_params(**params) is copy
    assert fastmlp.Perceptron().set_params(seed=9).seed == 9
    assert fastmlp.SoftmaxRegression().set_params(epochs=9).get_params() == {"epochs": 9}


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="solver must be one of exact, sgd; got 'lbfgs'"):
        fastmlp.LinearRegression(solver="lbfgs").fit(X, Y)
    with pytest.raises(ConfigError, match="solver 'exact' has no options; got epochs"):
        fastmlp.LinearRegression(epochs=3).fit(X, Y)
    with pytest.raises(ConfigError, match=r"a SoftmaxRegression has hidden \[\]; for \[3\] use"):
        fastmlp.SoftmaxRegression(hidden=[3]).fit(X, Y[:, 0] > 0)
    with pytest.raises(ConfigError, match=r"unknown option 'epoch'.*'epochs'"):
        fastmlp.SoftmaxRegression(epoch=3).fit(X, Y[:, 0] > 0)
    with pytest.raises(ConfigError, match=r"Perceptron has no parameter 'sed' - .*'seed'.*it has"):
        fastmlp.Perceptron().set_params(sed=3)
    with pytest.raises(fastmlp.NotFittedError, match="call fit first"):
        fastmlp.LinearRegression().predict(X)


@pytest.mark.parametrize("estimator", ALL, ids=repr)
def test_scikit_learns_tools_take_them(estimator):
    base = pytest.importorskip("sklearn.base")
    selection = pytest.importorskip("sklearn.model_selection")
    classes = estimator.kind == "classifier"
    assert base.is_classifier(estimator) is classes
    copy = base.clone(estimator)
    assert copy is not estimator
    assert copy.get_params() == estimator.get_params()
    y = (X[:, 1] > 20).astype(int) if classes else Y[:, 0]
    x = X if classes else (X - X.mean(axis=0)) / X.std(axis=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *a, **k: None)
        scores = selection.cross_val_score(estimator, x, y, cv=3)
    assert len(scores) == 3
    assert np.isfinite(scores).all()


def test_scikit_learn_finds_the_same_least_squares():
    linear = pytest.importorskip("sklearn.linear_model")
    other = linear.LinearRegression().fit(X, Y)
    found = fastmlp.LinearRegression().fit(X, Y)
    np.testing.assert_allclose(found.coef_, other.coef_, rtol=1e-9)
    np.testing.assert_allclose(found.intercept_, other.intercept_, rtol=1e-9)
