# The C++ engine as Python sees it (csrc/bindings); a test keeps this equal to the module.
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, type_check_only

import numpy as np
from numpy.typing import ArrayLike, NDArray

__version__: str

@type_check_only
class ActivationConstantRow(TypedDict):
    name: str
    meaning: str
    default: float
    least: float
    below: float

@type_check_only
class ActivationRow(TypedDict):
    name: str
    formula: str
    rowwise: bool
    rectifies: bool
    self_normalizes: bool
    trainable: bool
    keeps_slope: bool
    learned: bool
    ulp: float
    constants: list[ActivationConstantRow]

@type_check_only
class MaxoutRow(TypedDict):
    name: str
    formula: str
    constants: list[ActivationConstantRow]

@type_check_only
class NormalizationRow(TypedDict):
    name: str
    formula: str
    over_samples: bool
    constants: list[ActivationConstantRow]

@type_check_only
class LossConstantRow(TypedDict):
    name: str
    meaning: str
    default: float
    least: float
    below: float
    for_each_output: bool

@type_check_only
class LossRow(TypedDict):
    name: str
    formula: str
    outputs: list[str]
    constants: list[LossConstantRow]
    targets: str
    is_margin: bool
    log_outputs: bool

@type_check_only
class HyperparameterRow(TypedDict):
    name: str
    meaning: str
    default: float
    least: float
    below: float
    takes: str
    on_weights_only: bool

@type_check_only
class OptimizerRow(TypedDict):
    name: str
    formula: str
    adaptive: bool
    hyperparameters: list[HyperparameterRow]

@type_check_only
class DescentMethodRow(TypedDict):
    name: str
    formula: str
    line_search: str
    hyperparameters: list[HyperparameterRow]

@type_check_only
class ScheduleRow(TypedDict):
    name: str
    formula: str
    hyperparameters: list[HyperparameterRow]

@type_check_only
class InitializerRow(TypedDict):
    name: str
    formula: str

@type_check_only
class TensorRow(TypedDict):
    name: str
    shape: tuple[int, ...]
    trained: bool
    owner: int  # the layer whose tensor it is: of tied layers the lowest
    transposed: NotRequired[bool]  # of W: whether it is the owner's transpose

@type_check_only
class DropoutScheduleRow(TypedDict):
    name: str
    formula: str

@type_check_only
class Catalog(TypedDict):
    activations: list[ActivationRow]
    normalizations: list[NormalizationRow]
    maxout: MaxoutRow
    losses: list[LossRow]
    optimizers: list[OptimizerRow]
    descent_methods: list[DescentMethodRow]
    line_searches: list[str]
    schedules: list[ScheduleRow]
    update_options: list[HyperparameterRow]
    initializers: list[InitializerRow]
    precisions: list[str]
    dropout_schedules: list[DropoutScheduleRow]
    dropout_epochs: HyperparameterRow
    mixup: HyperparameterRow
    ema_decay: HyperparameterRow

def catalog() -> Catalog: ...
def activation(text: str) -> str: ...
def normalization(text: str) -> str: ...
def tensors(
    sizes: Sequence[int], activations: Sequence[str], structure: Mapping[str, Any] = ...
) -> list[list[TensorRow]]: ...
def draw_connections(
    inputs: int, units: int, count: int, seed: int, layer: int
) -> NDArray[np.uint8]: ...
def cpu_info() -> dict[str, Any]: ...
def permutation(n: int, seed: int, epoch: int) -> NDArray[np.int64]: ...
def bootstrap(n: int, seed: int, model: int) -> NDArray[np.int64]: ...

@type_check_only
class PerceptronRun(TypedDict):
    end: str
    last: NDArray[np.float64]
    last_mistakes: int
    pocket: NDArray[np.float64]
    pocket_mistakes: int
    picked: NDArray[np.int64]
    proof: tuple[NDArray[np.int64], int, int] | None
    history: NDArray[np.float64] | None
    mistakes: NDArray[np.int64] | None

def train_perceptron(
    x: NDArray[np.float64],
    sides: NDArray[np.int8],
    *,
    learning_rate: float,
    seed: int,
    max_updates: int,
    keep_history: bool = False,
) -> PerceptronRun: ...

class Network:
    def __init__(
        self,
        sizes: Sequence[int],
        activations: Sequence[str],
        dtype: str = "float32",
        structure: Mapping[str, Any] = ...,
    ) -> None: ...
    @property
    def sizes(self) -> list[int]: ...
    @property
    def activations(self) -> list[str]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def ways_to_predict(self) -> list[str]: ...
    @property
    def structure(self) -> dict[str, Any]: ...
    @property
    def tensors(self) -> list[list[TensorRow]]: ...
    @property
    def parameter_count(self) -> int: ...
    def initialize(
        self, initializer: str, seed: int, std: float = 1.0, bias_initializer: str = "zeros"
    ) -> None: ...
    def parameters(self) -> list[tuple[NDArray[Any], ...]]: ...
    def set_parameters(self, parameters: Sequence[Sequence[ArrayLike]]) -> None: ...
    def scale_to_data(self, x: NDArray[Any]) -> None: ...
    def set_input_scaling(
        self, shift: NDArray[np.float64] | None, scale: NDArray[np.float64] | None
    ) -> None: ...
    def predict(
        self, x: NDArray[Any], threads: int = 0, *, out: NDArray[Any] | None = None
    ) -> NDArray[Any]: ...
    def evaluate(
        self,
        x: NDArray[Any],
        targets: NDArray[Any],
        loss: str,
        threads: int = 0,
        *,
        loss_constants: Mapping[str, float | Sequence[float]] = ...,
        sample_weight: NDArray[Any] | None = None,
    ) -> tuple[float, int]: ...
    def evaluate_tasks(
        self, x: NDArray[Any], tasks: Sequence[Task], threads: int = 0
    ) -> tuple[float, list[tuple[float, int]]]: ...

@type_check_only
class Path(TypedDict):
    points: NDArray[np.float64]
    values: NDArray[np.float64]
    gradients: NDArray[np.float64]
    directions: NDArray[np.float64]
    step_lengths: NDArray[np.float64]
    evaluations: NDArray[np.int64]
    reason: str

def minimize(
    function: Callable[[NDArray[np.float64]], tuple[float, ArrayLike]],
    start: ArrayLike,
    method: str,
    line_search: str = "",
    max_iterations: int = 100,
    **numbers: float,
) -> Path: ...

class EpochResult:
    def __init__(
        self,
        *,
        epoch: int,
        loss_sum: float,
        correct: int,
        samples: int,
        steps: int,
        learning_rate: float,
        heads: Sequence[tuple[float, int]] = ...,
    ) -> None: ...
    @property
    def epoch(self) -> int: ...
    @property
    def loss_sum(self) -> float: ...
    @property
    def loss(self) -> float: ...
    @property
    def correct(self) -> int: ...
    @property
    def samples(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def heads(self) -> list[tuple[float, int]]: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def stop_reason(self) -> str: ...

class Task:
    def __init__(
        self,
        targets: NDArray[Any],
        loss: str,
        *,
        loss_constants: Mapping[str, float | Sequence[float]] = ...,
        weight: float = 1.0,
        sample_weight: NDArray[Any] | None = None,
    ) -> None: ...

@type_check_only
class TrainerState(TypedDict):
    steps: int
    states: list[list[tuple[NDArray[Any], ...]]]
    average: list[tuple[NDArray[Any], ...]] | None

Layers = Sequence[Sequence[ArrayLike]]

class Trainer:
    def __init__(
        self,
        network: Network,
        x: NDArray[Any],
        targets: NDArray[Any] | Sequence[Task],
        *,
        loss: str | Callable[[NDArray[Any], NDArray[Any]], Sequence[ArrayLike]] | None = None,
        optimizer: str = "sgd",
        batch_size: int = 64,
        seed: int = 0,
        shuffle: bool = True,
        threads: int = 0,
        precision: str = "full",
        schedule: str = "constant",
        epochs: int = 1,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
        layer_rates: Sequence[float] = (),
        bias_rate: float = 1.0,
        dropout: Sequence[float] = (),
        dropout_schedule: str = "constant",
        dropout_epochs: float = 1.0,
        augmentation: dict[str, float] = {},
        mixup: float = 0.0,
        noise: float = 0.0,
        max_norm: float = 0.0,
        loss_constants: Mapping[str, float | Sequence[float]] = ...,
        sample_weight: NDArray[Any] | None = None,
        ema_decay: float | None = None,
        line_search: str = "",
        record_steps: bool = False,
        **numbers: float,
    ) -> None: ...
    @property
    def threads(self) -> int: ...
    @property
    def fast_ways(self) -> list[str]: ...
    @property
    def reductions(self) -> int: ...
    @reductions.setter
    def reductions(self, count: int) -> None: ...
    @property
    def recorded_steps(self) -> NDArray[np.float64]: ...
    @property
    def last_epoch(self) -> EpochResult: ...
    def run_epoch(
        self,
        epoch: int,
        progress: Callable[[int], object] | None = None,
        so_far: EpochResult | None = None,
    ) -> EpochResult: ...
    def state(self) -> TrainerState: ...
    def average(self) -> list[tuple[NDArray[Any], ...]] | None: ...
    def set_state(
        self, steps: int, states: Sequence[Layers], average: Layers | None = None
    ) -> None: ...
    def set_masks(self, masks: Sequence[ArrayLike | None]) -> None: ...
    def close(self) -> None: ...
