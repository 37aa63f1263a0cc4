"""train(): arrays or a data set in, a Model out.

What is decided before the first step is preparation.py's; the epochs, with Ctrl-C and divergence,
are epochs.py's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..config import Config
from ..data.dataset import Dataset, Split
from ..model import Model
from .datasets import bring_together, fingerprint, load_dataset, split_dataset
from .epochs import run_epochs
from .preparation import Weights, plan_for, prepare

__all__ = [
    "bring_together",
    "fingerprint",
    "fit",
    "load_dataset",
    "plan_for",
    "prepare",
    "split_dataset",
    "train",
]


def train(
    x: Any = None,
    y: Any = None,
    *,
    config: Config | str | os.PathLike[str] | None = None,
    sample_weight: Any = None,
    class_weight: str | Mapping[Any, float] | None = None,
    validation: tuple[Any, Any] | float | None = None,
    init: str | Model | Weights | None = None,
    masks: Sequence[Any] | None = None,
    progress: bool = False,
    verbose: bool = False,
    on_epoch: Callable[[int, Model], object] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
    resume: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Model:
    """Train a network.

    Parameters
    ----------
    x : array_like, shape (samples, features), optional
        uint8, float32 or float64 without a copy; anything with ``__array__`` or DLPack, lists.
        Never changed. A `Dataset` brings its targets along. Without x, the data set that the
        configuration names is loaded.
    y : array_like, shape (samples,) or (samples, outputs)
        Whole numbers, booleans and strings are classes: softmax and categorical cross-entropy (for
        two classes also ``output_activation="sigmoid"``: one unit, binary cross-entropy). A matrix
        of whole numbers or booleans 0 and 1 says which labels hold for a row (``multilabel``):
        sigmoid outputs, binary cross-entropy. Floats are values: linear output, mean squared error.
        A mapping of names to such targets makes a network of several heads, which share all layers
        but the last: ``{"digit": labels, "ink": values}``.
    config : Config or path of a TOML file, optional
        Where the choices start from. Precedence: defaults < config < options.
    sample_weight : array_like, shape (samples,), optional
        Factors of each sample's loss, finite and not negative: the loss of a batch is
        ``sum(w_i l_i) / samples in the batch``. Counts of right rows, and validation, have none.
    class_weight : dict or str, optional
        A factor for each label (1 where left out), or ``"balanced"``: rows / (classes * rows of the
        class). Multiplies `sample_weight`.
    validation : (x, y) or float, optional
        Samples that are measured after every epoch and not learned from, or the fraction of x to
        keep for that. A data set has its own ``validation_fraction``.
    init : str, Model, or list of (W, b), optional
        How first weights are drawn (``auto``: he_normal with relu and its kin, lecun_normal with
        selu, else glorot_uniform), or the weights themselves: W (inputs, units), b (units,) of each
        layer. A Model also hands on its classes and scalings; take its config along.
    masks : list of array_like or None, optional
        For each layer an array (inputs, units), true where there is a weight, or None. All other
        weights are zero and stay so. A Model in `init` brings its own masks along.
    progress : bool
        A progress bar on stderr.
    verbose : bool
        On stdout what was inferred, and a line an epoch.
    on_epoch : callable, optional
        Called after every epoch with its number from 0 and the Model so far.
    checkpoint : path, optional
        A file that the whole state of the training goes to, after every epoch and on Ctrl-C; a kill
        at any moment leaves the old state or the new one whole. It is a model file too: `load`
        reads the model as it would have been returned then.
    checkpoint_every : int
        Epochs from one writing to the next; the last epoch always writes.
    resume : path, optional
        A checkpoint to go on from, with the same bits as if there had been no interruption, for any
        number of threads before and after. Its configuration is where the choices start from;
        epochs, patience, min_delta, threads, test_each_epoch and where data are read from may be
        others. Pass the same data.
    **options
        Every key of the configuration, with its default: ``hidden=[128]``, ``activation="relu"``
        (a list has one for each hidden layer; constants are written ``"elu(alpha=0.5)"`` or
        ``{"name": "elu", "alpha": 0.5}``; the names stand in ``fastmlp train --help``),
        ``normalization="none"`` (of ``x W + b`` before the activation: ``"batch"``, ``"layer"``,
        ``"rms"``, or one for each hidden layer; constants as in ``"batch(momentum=0.1)"``),
        ``skips=()`` (pairs ``[from, to]`` of layers, 0 the inputs: what the first gives is added
        to what goes into the activation of the second, see Notes),
        ``output_activation="auto"``, ``loss="auto"`` (a name, with the loss's own
        ``label_smoothing``, ``delta``, ``quantile``, ``gamma`` or ``alpha``; or a function, see
        Notes), ``optimizer="sgd"`` with
        ``learning_rate=0.1`` (values on a linear output: 0.01), ``momentum=0.0`` and
        ``nesterov=False``, or ``optimizer="adam"`` with ``learning_rate=0.001``, ``beta_1=0.9``,
        ``beta_2=0.999`` and ``epsilon=1e-8``, both with ``l1=0.0`` and ``l2=0.0``, or one of the
        others (``fastmlp train --help`` lists them all with their numbers), ``optimizer="lbfgs"``
        with ``history=10`` or ``"steepest_descent"``, both with ``line_search=None`` (their own:
        ``"wolfe"`` for lbfgs, else ``"exact"``), ``max_evaluations=25``,
        ``gradient_tolerance=1e-5`` and ``l2=0.0``,
        ``schedule="constant"``, ``clip_value=0.0``, ``clip_norm=0.0``, ``layer_rates=()``,
        ``bias_rate=1.0``, ``tied=()`` (pairs of layers, from 1, that share W and b)
        and ``tied_transposed=()`` (W of the second is that of the first, transposed),
        ``heads={}`` (what each head learns, by its name: ``{"ink": {"weight": 0.3, "loss":
        "huber"}}``, see Notes), ``batch_size=64``, ``epochs=5``, ``seed=0``,
        ``threads=None``, ``precision="full"`` (or ``"bf16"``: products of bf16 factors, sums and
        weights in float32; faster on CPUs with AVX-512 BF16), ``dtype="float32"``,
        ``dropout=0.0`` (share of the hidden units left out of each step; a list: one a layer) and
        ``input_dropout=0.0``, ``dropout_schedule="constant"`` (``"linear"`` and ``"curriculum"``:
        the shares rise from 0 within ``dropout_epochs``, all by default), ``mixup=0.0`` (alpha of
        the Beta distribution of the shares in which rows are mixed), ``input_noise=0.0``
        (deviation of what is added to scaled inputs),
        ``max_norm=None`` (longest incoming weights of a hidden unit), pictures changed each time
        they are used (``augment_shift=0.0`` pixels, ``augment_rotation=0.0`` degrees,
        ``augment_scale=0.0``, ``augment_elastic=0.0`` pixels with ``augment_smoothness=4.0``),
        ``connections=None`` (inputs of each hidden unit, drawn by the seed; a list: one a layer),
        ``prune=0.0`` (share of each layer that becomes zero; ``prune_by="weight"``, "block" or
        "neuron", from epoch ``prune_start=2`` over ``prune_epochs=None`` epochs: half of the rest),
        ``init_scaling="none"`` (``"data"``: so that over the first 1,024 rows each unit's input has
        mean 0 and deviation 1; Mishkin and Matas, 2016), ``init_std=1.0``, ``bias_init="zeros"``,
        ``early_stopping=False`` with ``patience=10``, ``min_delta=0.0``, ``monitor="val_loss"`` (or
        ``"val_accuracy"``), ``restore_best=True`` and ``best_tie="first"`` (or ``"last"``);
        ``averaging="none"`` (or ``"ema"`` with ``ema_decay=0.999``, or ``"swa"`` with
        ``swa_start=None``) and ``validate_average=True``;
        ``shuffle=True``, ``task="auto"``, ``scaling="auto"`` (uint8: unit, which divides by the
        largest value; tables: standard; else none), ``target_scaling="auto"`` (values of tables:
        standard; else none), ``source="digits"``, ...

    Returns
    -------
    Model
        With its ``history``. After Ctrl-C the model at its last whole step, with an
        InterruptedWarning and ``model.record["interrupted"]`` true.

    Raises
    ------
    ConfigError
        An unknown option (the nearest is suggested) or a value that does not fit.
    DataError
        x, y or validation cannot be used: shape, kind, not finite, one class only, labels that
        training does not see.
    LossFunctionError
        The loss is a function and fails; its ``model`` is the one at the last whole step.
    DivergedError
        A weight would have become infinite or NaN; its ``model`` is the one at the last whole step.

    Notes
    -----
    Losses, y being an output, t its target, s = 2 t - 1: squared, absolute, ``huber`` and
    ``log_cosh`` errors, ``quantile`` and ``poisson`` (``exp(y) - t y``: outputs are log rates, what
    `predict` gives are rates) are means over the outputs; cross-entropies, focal ones (Lin et al.,
    2017), ``hinge`` (``max(0, 1 - s y)``) and ``perceptron`` (``max(0, -s y)``) are sums.
    label_smoothing moves that share of each target to the mean of the classes.

    A head has ``weight=1.0``, of its loss in the sum that is made small, and may have ``task``,
    ``output_activation``, ``loss`` with its constants, and ``target_scaling``; what it leaves out
    is decided from its targets as for a network of that one output. Predictions are a dict by head.
    The history has ``loss_NAME`` (without the weight) and, for classes, ``accuracy_NAME``, with
    ``val_`` before them after validation, and `monitor` may be one of those. The last layer's first
    weights are drawn as those of one layer. `class_weight`, mixup and a loss that is a function are
    for one output.

    A loss that is a function takes outputs (rows, units), after the output unit, and targets: class
    numbers (rows,), or what the units should say (rows, units). It returns the loss of each row,
    and its gradient by the row's outputs (rows, units); or the mean of the losses, and the gradient
    of that. It is called once a step, or for each 1,024 rows of a larger batch. Model files name
    it ``custom`` only: `Model.evaluate` gives NaN for it.

    Normalization is (z - mean) / sqrt(variance + epsilon), times a scale and plus a shift that are
    learned: ``batch`` (Ioffe and Szegedy, 2015; over the rows of a batch, and in prediction with
    running averages, as in PyTorch), ``layer`` (Ba et al., 2016; over the units) or ``rms`` (Zhang
    and Sennrich, 2019; over the units, without mean and shift). A skip connection whose layers
    differ in width goes through a matrix, which is drawn, trained and penalised as weights are.

    Mini-batch gradient descent on the mean loss of a batch, whose gradient is g. The optimizers are
    ``sgd``: ``v <- momentum v + g + l2 w``, ``w <- w - learning_rate v`` (with ``nesterov``:
    ``w <- w - learning_rate (g + momentum v)``); ``adam`` (Kingma and Ba, 2015, as in PyTorch):
    ``g <- g + l2 w``, averages ``m`` of g and ``v`` of its square, and
    ``w <- w - learning_rate m / (sqrt(v) + epsilon)`` once both are corrected for their start at 0;
    ``adamw``, ``nadam``, ``adagrad``, ``rmsprop`` (all as in PyTorch) and ``lion``. ``l1``, ``l2``
    and ``weight_decay`` (which adamw and lion do not pass through their averages) pull weights,
    never biases.

    ``lbfgs`` (Liu and Nocedal, 1989) and ``steepest_descent`` (along ``-g / |g|``) take all rows at
    once, one step an epoch, whose length a line search finds: one that fulfils the strong Wolfe
    conditions, or the best along the line. l2 is part of what they make small; l1 has no gradient
    at 0 and is refused, as are mini-batches and all that draws, clips or schedules. Training ends
    early where the gradient is small or no lower loss is found; ``record["stop_reason"]`` says so.
    The loss of an epoch is that of all rows after its step, its learning_rate the step's length.

    A ``schedule`` multiplies the learning rate, step by step, by a factor from 0 to 1:
    ``step_decay``, ``exponential``, ``polynomial``, ``invscaling`` (as scikit-learn), ``cosine``,
    ``cosine_restarts``, ``one_cycle``, ``coslog`` (Holzmueller et al., 2024), ``plateau`` (falls
    where the validation loss does not) or ``range_test`` (rises, for `find_learning_rate`), after
    ``warmup_epochs`` in which it rises. ``clip_value`` limits each element of g, ``clip_norm`` its
    norm over all parameters, before penalties.
    ``layer_rates`` has a multiple of the learning rate for each layer (0 keeps a layer as it is),
    ``bias_rate`` one for all biases. The same seed and data give the same bits for any number of
    threads.

    With ``mixup`` each row of a step is ``s x + (1 - s) x'``, x' being a row of the same batch, s
    drawn from Beta(mixup, mixup); its targets (of a class the row of 0 and 1) and its weight are
    mixed in the same shares (Zhang et al., 2018). ``accuracy`` in the history then counts whether
    the class of the larger share is answered.

    Examples
    --------
    >>> import fastmlp
    >>> rows, labels = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> held = ([[0.2], [2.9]], ["low", "high"])
    >>> model = fastmlp.train(rows, labels, batch_size=4, epochs=300, validation=held)
    >>> model.predict([[0.5], [2.5]]), model.history.last("val_accuracy")
    (array(['low', 'high'], dtype='<U4'), 1.0)
    >>> both = {"level": labels, "double": [0.0, 2.0, 4.0, 6.0]}
    >>> model = fastmlp.train(rows, both, heads={"double": {"weight": 0.1}}, epochs=300)
    >>> {name: said.tolist() for name, said in model.predict([[3.0]]).items() if name == "level"}
    {'level': ['high']}
    >>> fastmlp.train(rows, labels, optimizer="adam", momentum=0.9)
    Traceback (most recent call last):
    ...
    fastmlp.errors.ConfigError: optimizer 'adam' has no momentum; got 0.9: it has learning_rate, ...
    >>> fastmlp.train(rows, labels, bach_size=4)
    Traceback (most recent call last):
    ...
    fastmlp.errors.ConfigError: unknown option 'bach_size' - did you mean 'batch_size'?
    """
    plan = prepare(
        x,
        y,
        config=config,
        sample_weight=sample_weight,
        class_weight=class_weight,
        validation=validation,
        init=init,
        masks=masks,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        **options,
    )
    return run_epochs(plan, progress=progress, verbose=verbose, on_epoch=on_epoch)


def fit(
    data: Dataset,
    parts: Split,
    config: Config,
    *,
    progress: bool = False,
    verbose: bool = False,
    on_epoch: Callable[[int, Model], object] | None = None,
    **more: Any,
) -> Model:
    """Train on a data set that is already split; for the rest see `plan_for` and `train`."""
    plan = plan_for(data, parts, config, **more)
    return run_epochs(plan, progress=progress, verbose=verbose, on_epoch=on_epoch)
