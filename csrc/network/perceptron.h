// The perceptron's rule (LECTURES A2): H(x) = sign(w x + b), sign(0) = +1; while points are misclassified, one of them is picked at
// random and w <- w + learning_rate y x, b <- b + learning_rate y. In double, each sum a chain in ascending order.
#pragma once

#include <cstdint>
#include <vector>

#include "network/interruption.h"

namespace fastmlp {

struct TwoSides {
    const double* x;     // (samples x features)
    const int8_t* side;  // (samples): -1 or +1
    int64_t samples, features;
};

struct PerceptronOptions {
    double learning_rate;
    uint64_t seed;
    int64_t max_updates;
    bool keeps_history;
};

enum class PerceptronEnd { converged, out_of_updates, not_finite, interrupted };

struct PerceptronRun {
    PerceptronEnd end = PerceptronEnd::converged;
    std::vector<double> last, pocket;  // w, then b: after the last update, and the first of the fewest mistakes
    int64_t last_mistakes = 0, pocket_mistakes = 0;
    std::vector<int64_t> picked;    // by each update: the sample
    std::vector<double> history;    // (updates + 1) x (features + 1); only where it is kept
    std::vector<int64_t> mistakes;  // (updates + 1), likewise
    // How often each sample was picked from one update to another, at which the weights were back: c with sum_i c_i y_i (x_i, 1) = 0,
    // exactly. By Gordan's theorem (1873) no plane separates the two sides then. Empty: no such proof was met.
    std::vector<int64_t> proof;
    int64_t proof_begin = 0, proof_end = 0;  // updates done at both times
};

PerceptronRun train_perceptron(const TwoSides& data, const PerceptronOptions& options, const Poll& poll);

}  // namespace fastmlp
