// What a schedule is: the factor, from 0 to 1, by which a step multiplies the learning rate. Adding one: a struct here and its name in
// the list of math/catalog.h. The formula is the oracle that the tests evaluate: its last part is the factor. It may use t, the steps
// taken before this one; steps and samples, those of an epoch; total, the steps of all epochs, which t does not exceed. While a warm-up
// lasts, network/schedule.cpp multiplies the factor of t = 0; afterwards t and total count from its end.
#pragma once

#include "math/elementary.h"
#include "math/hyperparameters.h"

namespace fastmlp {

struct ScheduleTime {
    double t, steps, samples, total, reductions;
};

constexpr int largest_schedule_values = 5;
constexpr double shortest_epochs = 1e-3;

constexpr Hyperparameter warmup_row = {
    "warmup_epochs", "epochs in which the learning rate rises in proportion to the steps", 0, 0, unlimited, false};
constexpr Hyperparameter decay_factor_row(double initial) {
    return {"decay_factor", "factor of the learning rate, each time it falls", initial, 0, 1, false};
}
constexpr Hyperparameter power_row(double initial) {
    return {"power", "exponent by which the learning rate falls", initial, 0, 100, false};
}
constexpr Hyperparameter final_factor_row(double initial) {
    return {"final_factor", "what the learning rate falls to, as a share", initial, 0, 1, false};
}
constexpr Hyperparameter first_factor_row(double initial) {
    return {"first_factor", "what the learning rate starts from, as a share", initial, 0, 1, false};
}
constexpr Hyperparameter peak_drop_row = {"peak_drop", "by what share each cycle's highest learning rate is below the last's", 0, 0, 1,
                                          false};

// From 1 to `last` along half a cosine, u from 0 to 1.
FASTMLP_INLINE double annealed(double u, double last) { return last + (1 - last) * (1 + cos_pi(u)) / 2; }

struct Constant {
    static constexpr const char* name = "constant";
    static constexpr const char* formula = "1";
    static constexpr const Hyperparameter* hyperparameters = nullptr;
    static constexpr int count = 0;
    static FASTMLP_INLINE double factor(const double*, const ScheduleTime&) { return 1; }
};

struct StepDecay {
    static constexpr const char* name = "step_decay";
    static constexpr const char* formula = "decay_factor^floor(t / (step_epochs * steps))";
    enum { decay_factor, step_epochs, count };
    static constexpr Hyperparameter hyperparameters[] = {
        decay_factor_row(0.1), {"step_epochs", "epochs from one fall to the next", 10, shortest_epochs, unlimited, false}};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) {
        return power(h[decay_factor], floor_of(at.t / (h[step_epochs] * at.steps)));
    }
};

struct Exponential {
    static constexpr const char* name = "exponential";
    static constexpr const char* formula = "decay_factor^(t / steps)";
    enum { decay_factor, count };
    static constexpr Hyperparameter hyperparameters[] = {decay_factor_row(0.9)};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) { return power(h[decay_factor], at.t / at.steps); }
};

struct Polynomial {
    static constexpr const char* name = "polynomial";
    static constexpr const char* formula = "final_factor + (1 - final_factor) * (1 - t / total)^power";
    enum { exponent, final_factor, count };
    static constexpr Hyperparameter hyperparameters[] = {power_row(1), final_factor_row(0)};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) {
        return h[final_factor] + (1 - h[final_factor]) * power(1 - at.t / at.total, h[exponent]);
    }
};

// The learning rate range test (Smith, 2017), with equal factors from step to step: from the least rate to the greatest.
struct RangeTest {
    static constexpr const char* name = "range_test";
    static constexpr const char* formula = "first_factor^(1 - t / total)";
    enum { first_factor, count };
    static constexpr Hyperparameter hyperparameters[] = {first_factor_row(1e-7)};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) { return power(h[first_factor], 1 - at.t / at.total); }
};

// As scikit-learn's MLPs: by the samples seen in whole epochs.
struct InverseScaling {
    static constexpr const char* name = "invscaling";
    static constexpr const char* formula = "1 / (1 + samples * floor(t / steps))^power";
    enum { exponent, count };
    static constexpr Hyperparameter hyperparameters[] = {power_row(0.5)};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) {
        return power(1 / (1 + at.samples * floor_of(at.t / at.steps)), h[exponent]);
    }
};

// Loshchilov and Hutter (2017), without restarts.
struct Cosine {
    static constexpr const char* name = "cosine";
    static constexpr const char* formula = "final_factor + (1 - final_factor) * (1 + cos(pi * t / total)) / 2";
    enum { final_factor, count };
    static constexpr Hyperparameter hyperparameters[] = {final_factor_row(0)};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) { return annealed(at.t / at.total, h[final_factor]); }
};

// The same article: cycle c, from 0, lasts cycle_epochs cycle_growth^c epochs, of which the share u is over.
struct CosineRestarts {
    static constexpr const char* name = "cosine_restarts";
    static constexpr const char* formula =
        "c, u = cycle(t / steps, cycle_epochs, cycle_growth); "
        "(1 - peak_drop)^c * (final_factor + (1 - final_factor) * (1 + cos(pi * u)) / 2)";
    enum { cycle_epochs, cycle_growth, peak_drop, final_factor, count };
    static constexpr Hyperparameter hyperparameters[] = {
        {"cycle_epochs", "epochs of the first cycle", 10, shortest_epochs, unlimited, false},
        {"cycle_growth", "length of a cycle, as a multiple of the last one's", 1, 1, 1e6, false},
        peak_drop_row,
        final_factor_row(0)};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) {
        double length = h[cycle_epochs] * at.steps, begin = 0, c = 0;
        if (h[cycle_growth] == 1) {
            c = floor_of(at.t / length);
            begin = c * length;
        }
        for (; at.t >= begin + length; ++c) {
            begin += length;
            length *= h[cycle_growth];
        }
        const double u = (at.t - begin) / length;
        return power(1 - h[peak_drop], c) * annealed(u < 0 ? 0 : u, h[final_factor]);  // c may be a quotient that was rounded up
    }
};

// Smith and Topin (2019), with cosines as in PyTorch; the momentum stays as it is.
struct OneCycle {
    static constexpr const char* name = "one_cycle";
    static constexpr const char* formula =
        "peak = rise * total; "
        "first_factor + (1 - first_factor) * (1 - cos(pi * t / peak)) / 2 if t < peak "
        "else final_factor + (1 - final_factor) * (1 + cos(pi * (t - peak) / (total - peak))) / 2";
    enum { rise, first_factor, final_factor, count };
    static constexpr Hyperparameter hyperparameters[] = {
        {"rise", "share of the steps in which the learning rate rises", 0.3, 0, 1, false}, first_factor_row(0.04), final_factor_row(4e-6)};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) {
        const double peak = h[rise] * at.total;
        if (at.t < peak) return annealed(1 - at.t / peak, h[first_factor]);
        return annealed((at.t - peak) / (at.total - peak), h[final_factor]);
    }
};

// Holzmueller, Grinsztajn and Steinwart (2024), with 4 cycles there and no lower peaks: each cycle is about twice as long as the last.
struct CosLog {
    static constexpr const char* name = "coslog";
    static constexpr const char* formula = "u = log2(1 + (2^cycles - 1) * t / total); (1 - peak_drop)^floor(u) * (1 - cos(2 * pi * u)) / 2";
    enum { cycles, peak_drop, count };
    static constexpr Hyperparameter hyperparameters[] = {{"cycles", "rises and falls of the learning rate", 4, 1, 31, false, Takes::whole},
                                                         peak_drop_row};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) {
        const double last = static_cast<double>(int64_t{1} << static_cast<int>(h[cycles])) - 1;
        const double u = log2_of(1 + last * at.t / at.total), c = floor_of(u < 0 ? 0 : u);
        return power(1 - h[peak_drop], c) * (1 - cos_pi(2 * (u - c))) / 2;
    }
};

// Falls where an epoch's validation loss has not got better for a while: whoever sees it counts `reductions`.
struct Plateau {
    static constexpr const char* name = "plateau";
    static constexpr const char* formula = "max(decay_factor^reductions, final_factor)";
    enum { decay_factor, plateau_epochs, plateau_threshold, final_factor, count };
    static constexpr Hyperparameter hyperparameters[] = {
        decay_factor_row(0.1),
        {"plateau_epochs", "epochs without a better validation loss before the learning rate falls", 10, 0, 1e9, false, Takes::whole},
        {"plateau_threshold", "share of the best validation loss by which a better one must be below it", 1e-4, 0, 1, false},
        final_factor_row(0)};
    static FASTMLP_INLINE double factor(const double* h, const ScheduleTime& at) {
        const double fallen = power(h[decay_factor], at.reductions);
        return fallen > h[final_factor] ? fallen : h[final_factor];
    }
};

}  // namespace fastmlp
