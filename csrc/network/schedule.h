// The learning rate over the steps of a training: which of math/schedules.h, with which numbers, and a warm-up in front of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "math/catalog.h"
#include "network/hyperparameters.h"

namespace fastmlp {

// A struct of math/schedules.h, to be chosen by name.
struct ScheduleRow {
    const char* name;
    const char* formula;
    std::vector<Hyperparameter> hyperparameters;  // its own, then the warm-up
    double (*factor)(const double*, const ScheduleTime&);
};
const std::vector<ScheduleRow>& schedules();

struct Schedule {
    int id = 0;  // in Schedules
    std::array<double, largest_schedule_values + 1> of{};
    double samples = 1, steps = 1;  // of an epoch
    double total = 1;               // steps of all epochs

    bool is_constant() const;
    // What multiplies the learning rate of the step before which `taken` have been, from 0 to 1.
    double factor(int64_t taken, int64_t reductions) const;
};

// As make_optimizer. `samples` an epoch, in steps of `batch`.
Schedule make_schedule(const std::string& name, const Named& values);
void set_time(Schedule& schedule, int64_t samples, int64_t batch, int64_t epochs);

// Whether any schedule has a number of that name.
bool belongs_to_a_schedule(const std::string& name);

}  // namespace fastmlp
