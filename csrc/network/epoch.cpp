#include "network/epoch.h"

#include <algorithm>
#include <chrono>

#include "network/full_batch.h"

namespace fastmlp {
namespace {

// Reading the clock costs as much as a hundredth of the smallest step: steps of a microsecond are asked about in groups.
constexpr double flops_between_questions = 1e6;

// A team may be smaller than planned; what its absent members saw last must not be counted again.
template <class T>
void retire_absent(StepPlan<T>& plan, int present) {
    for (std::size_t i = static_cast<std::size_t>(present); i < plan.peaks.size(); ++i) {
        plan.peaks[0].parameters = std::max(plan.peaks[0].parameters, plan.peaks[i].parameters);
        Peaks<T>& absent = plan.peaks[i];  // nothing is allocated: memory that runs out here would end the process
        std::fill(absent.y.begin(), absent.y.end(), T(0));
        std::fill(absent.delta.begin(), absent.delta.end(), T(0));
        std::fill(absent.extra.begin(), absent.extra.end(), T(0));
        absent.parameters = 0;
        absent.correct = 0;
        std::fill(absent.correct_by_head.begin(), absent.correct_by_head.end(), 0);
    }
}

// Within the memory that is there: an allocation that fails would end the process.
void record(const EpochReport& report, double loss_sum, int64_t batch) {
    report.recorded->push_back({loss_sum / static_cast<double>(batch), report.learning_rate});
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

}  // namespace

template <class T>
void run_epoch(const StepContext<T>& context, const int64_t* order, int64_t samples, const Poll& poll, EpochReport& report) {
    StepPlan<T>& plan = context.plan;
    if (plan.full_batch) return run_full_batch(context, samples, poll, report);
    if (plan.dropout) plan.dropout.set_step(plan.optimizer.steps);  // which may have been set from outside
    const double flops = step_flops(context.parameters, plan.batch);
    const auto steps_between_questions = static_cast<int64_t>(std::clamp(flops_between_questions / flops, 1.0, 1000.0));
    Interruption interruption(poll);
    if (report.recorded) report.recorded->reserve(report.recorded->size() + static_cast<std::size_t>(samples / plan.batch + 1));

    // One team a slice: all of the epoch, or some 50 ms of it where the size of the team is still being chosen.
    for (int64_t next = report.tally.samples; next < samples && !interruption.end_call;) {
        const auto began = Clock::now();
        const int64_t first_step = report.steps, first = next;
        bool end_slice = false;
        run_team(plan.pace.size(), [&](const Member& member) {
            if (member.leads()) retire_absent(plan, member.count);
            for (int64_t sample = first; sample < samples; sample += plan.batch) {
                const int64_t batch = std::min(plan.batch, samples - sample);
                const double before = member.leads() ? report.tally.loss_sum : 0;
                const StepResult result = step(context, order, sample, batch, member, interruption, report.tally);
                if (member.leads()) {
                    next = sample + batch;
                    if (result == StepResult::committed) {
                        ++report.steps;
                        report.learning_rate = plan.optimizer.learning_rate;
                        if (report.recorded) record(report, report.tally.loss_sum - before, batch);
                    }
                    if (result == StepResult::not_finite) report.end = EpochEnd::not_finite;
                    const bool ask = report.steps % steps_between_questions == 0;
                    interruption.end_call = result != StepResult::committed || (ask && interruption.asked());
                    end_slice = ask && plan.pace.adapts() && seconds_since(began) >= plan.pace.slice_seconds();
                }
                member.wait();  // the update is complete, and the decisions are made
                if (interruption.end_call || end_slice) break;
            }
        });
        plan.pace.record(seconds_since(began), report.steps - first_step);
    }
    const bool unfinished = report.tally.samples < samples;
    if (unfinished && report.end == EpochEnd::complete) report.end = EpochEnd::interrupted;
}

template void run_epoch(const StepContext<float>&, const int64_t*, int64_t, const Poll&, EpochReport&);
template void run_epoch(const StepContext<double>&, const int64_t*, int64_t, const Poll&, EpochReport&);

}  // namespace fastmlp
