#include "network/epoch.h"

#include <algorithm>

namespace fastmlp {
namespace {

// Reading the clock costs as much as a hundredth of the smallest step: steps of a microsecond are asked about in groups.
constexpr double flops_between_questions = 1e6;

// A team may be smaller than planned; what its absent members saw last must not be counted again.
template <class T>
void retire_absent(StepPlan<T>& plan, int present) {
    for (std::size_t i = static_cast<std::size_t>(present); i < plan.peaks.size(); ++i) {
        plan.peaks[0].parameters = std::max(plan.peaks[0].parameters, plan.peaks[i].parameters);
        plan.peaks[i] = Peaks<T>{std::vector<T>(plan.peaks[i].y.size()), std::vector<T>(plan.peaks[i].delta.size())};
    }
}

}  // namespace

template <class T>
void run_epoch(const StepContext<T>& context, const int64_t* order, int64_t samples, const Poll& poll, EpochReport& report) {
    const StepPlan<T>& plan = context.plan;
    const double flops = step_flops(context.parameters, plan.batch);
    const auto steps_between_questions = static_cast<int64_t>(std::clamp(flops_between_questions / flops, 1.0, 1000.0));
    Interruption interruption(poll);

    run_team(static_cast<int>(plan.scratch.size()), [&](const Member& member) {
        if (member.leads()) retire_absent(context.plan, member.count);
        for (int64_t first = 0; first < samples; first += plan.batch) {
            const StepResult result =
                step(context, order, first, std::min(plan.batch, samples - first), member, interruption, report.tally);
            if (member.leads()) {
                if (result == StepResult::committed) ++report.steps;
                if (result == StepResult::not_finite) report.end = EpochEnd::not_finite;
                interruption.end_call =
                    result != StepResult::committed || (report.steps % steps_between_questions == 0 && interruption.asked());
            }
            member.wait();  // the update is complete, and end_call decided
            if (interruption.end_call) break;
        }
    });
    const bool unfinished = report.tally.samples < samples;
    if (unfinished && report.end == EpochEnd::complete) report.end = EpochEnd::interrupted;
}

template void run_epoch(const StepContext<float>&, const int64_t*, int64_t, const Poll&, EpochReport&);
template void run_epoch(const StepContext<double>&, const int64_t*, int64_t, const Poll&, EpochReport&);

}  // namespace fastmlp
