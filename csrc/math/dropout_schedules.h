// How dropout changes over the steps of a training: the factor, from 0 to 1, of the share that is left out. Adding one: a row here. The
// formula is the oracle that the tests evaluate; t are the steps taken before this one, total those of dropout_epochs.
#pragma once

#include "math/elementary.h"
#include "math/schedules.h"

namespace fastmlp {

struct DropoutSchedule {
    const char* name;
    const char* formula;
    double (*factor)(double u);  // u = t / total
};

// The last: P. Morerio, J. Cavazza, R. Volpi, R. Vidal and V. Murino, "Curriculum dropout", ICCV 2017, with their gamma = 10 / total.
constexpr double curriculum_rate = 14.4269504088896340736;  // 10 log2(e)
constexpr DropoutSchedule dropout_schedules[] = {
    {Constant::name, "1", [](double) { return 1.0; }},
    {"linear", "min(1, t / total)", [](double u) { return u < 1 ? u : 1.0; }},
    {"curriculum", "1 - exp(-10 * t / total)", [](double u) { return 1 - exp2_of(-curriculum_rate * u); }},
};
constexpr Hyperparameter dropout_epochs_row = {
    "dropout_epochs", "epochs over which dropout rises to its share", 1, shortest_epochs, unlimited, false};
constexpr int dropout_schedule_count = sizeof(dropout_schedules) / sizeof(dropout_schedules[0]);

}  // namespace fastmlp
