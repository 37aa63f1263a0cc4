// Mixup (H. Zhang, M. Cisse, Y. Dauphin and D. Lopez-Paz, ICLR 2018): a sample is used as share x + (1 - share) x', where x' is another
// of its batch, and so are its targets (a class as the row of its 0 and 1) and its weight. The share is drawn from Beta(mixup, mixup).
// Share and partner are functions of (seed, step, place in the epoch's order): the same for any number of threads, also where a batch
// goes through in chunks. Mixing targets serves every loss of the engine; cross-entropies, which are linear in them, become
// share l(y, t) + (1 - share) l(y, t').
#pragma once

#include <vector>

#include "math/hyperparameters.h"
#include "network/samples.h"
#include "runtime/arena.h"

namespace fastmlp {

template <class T>
struct Chunk;

constexpr Hyperparameter mixup_row = {
    "mixup", "each row is mixed with another of its batch, in shares drawn from Beta(mixup, mixup); 0: not", 0, 0, 1e6, false};

struct Mixing {
    int64_t partner;  // a place among those of the batch, maybe its own
    double share;     // in [0, 1], of the sample itself
};

// For the sample at `place` of the epoch's order, in a batch of `count` that begins at `first`.
Mixing draw_mixing(double alpha, uint64_t seed, int64_t step, int64_t place, int64_t first, int64_t count);

template <class T>
class Mixup {
public:
    uint64_t seed = 0;

    // rows: of a chunk; members: of the largest team.
    void take(Arena& in, double alpha, int64_t rows, int64_t features, int64_t outputs, int members);
    explicit operator bool() const { return alpha_ > 0; }

    // Mixes the member's samples, which stand in x, and notes their targets. Returns the largest magnitude of their partners.
    T mix(const Chunk<T>& chunk, T* x) const;

    // Of the chunk's samples, in its order.
    Targets<T> targets(bool weighted) const { return {nullptr, targets_, outputs_, weighted ? weights_ : nullptr}; }

private:
    double alpha_ = 0;
    int64_t outputs_ = 0;
    T *targets_ = nullptr, *weights_ = nullptr;  // (rows x outputs), (rows)
    std::vector<T*> partner_;                    // a member's: one row of inputs
};

}  // namespace fastmlp
