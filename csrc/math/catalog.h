// The lists of what exists. A position in a list is the id that kernels are stored under; names are read from the structs.
#pragma once

#include "math/activations.h"
#include "math/class_losses.h"
#include "math/gates.h"
#include "math/learned.h"
#include "math/optimizers.h"
#include "math/optimizers_adam.h"
#include "math/piecewise.h"
#include "math/schedules.h"
#include "math/smooth.h"

namespace fastmlp {

template <class... Rows>
struct Catalog {
    static constexpr int size = sizeof...(Rows);
    static constexpr const char* names[] = {Rows::name...};
    static constexpr const char* formulas[] = {Rows::formula...};
};

using Activations = Catalog<Identity, Sigmoid, Tanh, Relu, Softmax, LeakyRelu, Relu6, Elu, Selu, Celu, Softplus, Silu, Swish, Gelu,
                            GeluTanh, GeluSigmoid, Mish, HardSwish, HardSigmoid, HardTanh, Softsign, LogSigmoid, Step, Prelu, LearnedSwish,
                            MixedRelu, MixedTanh, MixedSelu, MixedMish>;
using Losses = Catalog<HalfSquaredError, MeanSquaredError, BinaryCrossEntropy, CategoricalCrossEntropy, MeanAbsoluteError, Huber, LogCosh,
                       Quantile, Poisson, BinaryFocalCrossEntropy, CategoricalFocalCrossEntropy, Hinge, PerceptronLoss>;
using Optimizers = Catalog<Sgd, Adam, AdamW, NAdam, Adagrad, Rmsprop, Lion>;
using Schedules =
    Catalog<Constant, StepDecay, Exponential, Polynomial, InverseScaling, Cosine, CosineRestarts, OneCycle, CosLog, Plateau, RangeTest>;

// The position of Row in a catalog, at compile time.
template <class Row, class List>
struct IdOf;
template <class Row, class... Rest>
struct IdOf<Row, Catalog<Row, Rest...>> {
    static constexpr int value = 0;
};
template <class Row, class First, class... Rest>
struct IdOf<Row, Catalog<First, Rest...>> {
    static constexpr int value = 1 + IdOf<Row, Catalog<Rest...>>::value;
};

}  // namespace fastmlp
