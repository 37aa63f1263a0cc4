#include "network/full_batch.h"

#include <chrono>

#include "network/chunk.h"
#include "network/epoch.h"
#include "network/structured_back.h"

namespace fastmlp {
namespace {

using Clock = std::chrono::steady_clock;

// A tensor of trained parameters with its gradient, summed over the samples; ld of both = row.
template <class T>
struct Trained {
    T* values;
    const T* gradient;
    int64_t rows, columns, row;
    bool penalised;
};

template <class T>
std::vector<Trained<T>> trained_tensors(const StepContext<T>& context) {
    std::vector<Trained<T>> tensors;
    const StepPlan<T>& plan = context.plan;
    for (int64_t l = 0; l < context.parameters.layers(); ++l) {
        const Layer<T>& layer = context.parameters[l];
        if (context.parameters.owns(l)) {
            tensors.push_back({layer.weight, plan.gradient[at(l)], layer.in, layer.out, layer.weight_row, true});
            tensors.push_back({layer.bias, plan.bias_gradient[at(l)], 1, layer.out, layer.weight_row, false});
        }
        for (std::size_t e = 0; e < layer.extras.size(); ++e) {
            const auto& [about, values, row] = layer.extras[e];
            if (about.trained)
                tensors.push_back({values, plan.extra_gradient[at(l)][e], about.lines(), about.columns, row, about.penalised});
        }
    }
    return tensors;
}

// Calls act(tensor, place in memory, place in the vectors) for each number.
template <class T, class Act>
void for_each(const std::vector<Trained<T>>& tensors, const Act& act) {
    std::size_t i = 0;
    for (const Trained<T>& tensor : tensors)
        for (int64_t r = 0; r < tensor.rows; ++r)
            for (int64_t c = 0; c < tensor.columns; ++c) act(tensor, r * tensor.row + c, i++);
}

// The mean loss of all samples with its penalty, as a function of the parameters.
template <class T>
class TrainingLoss : public Objective {
public:
    TrainingLoss(const StepContext<T>& context, int64_t samples, Interruption& interruption)
        : context_(context), samples_(samples), interruption_(interruption), tensors_(trained_tensors(context)) {}

    bool evaluate(const std::vector<double>& x, double& value, std::vector<double>& gradient) override {
        put(x);
        if (!pass()) return false;
        const double rows = static_cast<double>(samples_), l2 = context_.plan.full_batch->descent.rules.l2;
        double squares = 0;
        for_each(tensors_, [&](const Trained<T>& tensor, int64_t place, std::size_t i) {
            gradient[i] = static_cast<double>(tensor.gradient[place]) / rows;
            if (l2 == 0 || !tensor.penalised) return;
            gradient[i] += l2 * x[i];
            squares += x[i] * x[i];
        });
        value = tally.loss_sum / rows + l2 / 2 * squares;
        return true;
    }
    std::vector<double> get() const {
        std::vector<double> x;
        for_each(tensors_, [&](const Trained<T>& tensor, int64_t place, std::size_t) { x.push_back(tensor.values[place]); });
        return x;
    }
    void put(const std::vector<double>& x) const {
        for_each(tensors_, [&](const Trained<T>& tensor, int64_t place, std::size_t i) { tensor.values[place] = static_cast<T>(x[i]); });
    }

    Tally tally{};  // of the last evaluation

private:
    bool pass() {
        Pace& pace = context_.plan.pace;
        const auto began = Clock::now();
        bool whole = false;
        Tally seen;
        run_team(pace.size(), [&](const Member& member) {
            const bool mine = loss_and_gradients(context_, samples_, member, interruption_, seen);
            if (member.leads()) whole = mine;
        });
        pace.record(std::chrono::duration<double>(Clock::now() - began).count(), 1);
        if (!whole) return false;
        tally = seen;
        return true;
    }

    const StepContext<T>& context_;
    const int64_t samples_;
    Interruption& interruption_;
    const std::vector<Trained<T>> tensors_;
};

}  // namespace

template <class T>
int64_t trained_count(const Parameters<T>& parameters) {
    int64_t count = 0;
    for (int64_t l = 0; l < parameters.layers(); ++l) {
        if (parameters.owns(l)) count += (parameters[l].in + 1) * parameters[l].out;
        for (const Extra<T>& extra : parameters[l].extras)
            if (extra.about.trained) count += extra.about.lines() * extra.about.columns;
    }
    return count;
}

template <class T>
void run_full_batch(const StepContext<T>& context, int64_t samples, const Poll& poll, EpochReport& report) {
    if (report.tally.samples >= samples) return;
    FullBatch<T>& own = *context.plan.full_batch;
    Interruption interruption(poll);
    TrainingLoss<T> loss(context, samples, interruption);
    Iteration done{false, 0, 0, DescentEnd::left};
    if (!own.descent.has_started() && own.descent.start(loss, loss.get())) own.tally = loss.tally;
    if (own.descent.has_started()) {
        done = own.descent.iterate(loss);
        if (done.moved)
            own.tally = loss.tally;
        else
            loss.put(own.descent.x());
    }
    report.evaluations += done.evaluations;
    if (done.end == DescentEnd::left) report.end = EpochEnd::interrupted;
    if (done.end == DescentEnd::not_finite) report.end = EpochEnd::not_finite;
    if (report.end != EpochEnd::complete) return;
    report.tally = own.tally;
    report.steps = done.moved;
    report.learning_rate = done.step;
    report.stop = done.end;
    context.plan.optimizer.steps += done.moved;
    if (done.moved) remember_batch(context, samples);
}

template int64_t trained_count(const Parameters<float>&);
template int64_t trained_count(const Parameters<double>&);
template void run_full_batch(const StepContext<float>&, int64_t, const Poll&, EpochReport&);
template void run_full_batch(const StepContext<double>&, int64_t, const Poll&, EpochReport&);

}  // namespace fastmlp
