#include "runtime/pace.h"

#include <algorithm>

namespace fastmlp {
namespace {

constexpr double run_seconds = 0.05, first_run_seconds = 0.008, probe_seconds = 0.004;
constexpr double shortest_wait = 0.05, longest_wait = 2.0;  // doubled by every probe that changes nothing
constexpr double better = 0.95;                             // a probe must gain this to count: less is noise
constexpr double disturbed = 1.5;                           // a step that takes so much longer than before asks for a probe at once
constexpr double longest_probed_step = 0.01;                // long steps share well, and a probe would cost several of them

}  // namespace

Pace::Pace(int largest) : wait_(shortest_wait) {
    for (int size = 1; size < largest; size *= 2) sizes_.push_back(size);
    sizes_.push_back(largest);
    chosen_ = sizes_.size() - 1;
}

double Pace::slice_seconds() const {
    if (probing_) return probe_seconds;
    return cost_ == 0 ? first_run_seconds : run_seconds;  // a short training should not be over before the first look
}

void Pace::record(double seconds, int64_t steps) {
    seconds_ += seconds;
    steps_ += steps;
    if (!adapts() || steps_ == 0 || seconds_ < slice_seconds()) return;
    end_slice(seconds_ / static_cast<double>(steps_), seconds_);
    seconds_ = 0;
    steps_ = 0;
}

void Pace::end_slice(double cost, double seconds) {
    if (probing_) {
        probing_ = false;
        const bool gains = cost < better * cost_;
        if (gains) {
            chosen_ = probe_;
            cost_ = cost;
        }
        wait_ = gains ? shortest_wait : std::min(2 * wait_, longest_wait);
        until_probe_ = wait_;
        return;
    }
    if (cost_ > 0 && cost > disturbed * cost_) {
        wait_ = shortest_wait;
        until_probe_ = 0;
    }
    cost_ = cost;
    until_probe_ -= seconds;
    if (until_probe_ <= 0 && cost < longest_probed_step) start_probe();
}

// The neighbours take turns.
void Pace::start_probe() {
    upward_ = chosen_ == 0 || (!upward_ && chosen_ + 1 < sizes_.size());
    probe_ = upward_ ? chosen_ + 1 : chosen_ - 1;
    probing_ = true;
}

}  // namespace fastmlp
