#include "network/perceptron.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "random/draws.h"
#include "runtime/arithmetic.h"

namespace fastmlp {
namespace {

constexpr int64_t together = 8;                            // samples whose chains are computed side by side
constexpr std::size_t most_states = std::size_t{1} << 20;  // that are remembered, 16 bytes and more each

// A sum without rounding: parts that do not overlap, the smallest first (J. R. Shewchuk, Discrete & Computational Geometry 18, 1997).
class ExactSum {
public:
    void add(double x) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            double part = parts_[i];
            if (std::abs(x) < std::abs(part)) std::swap(x, part);
            const double high = x + part, low = part - (high - x);
            if (low != 0) parts_[kept++] = low;
            x = high;
        }
        parts_.resize(kept);
        parts_.push_back(x);
    }
    bool is_zero() const {
        return std::all_of(parts_.begin(), parts_.end(), [](double part) { return part == 0; });
    }

private:
    std::vector<double> parts_;
};

class Learner {
public:
    Learner(const TwoSides& data, const PerceptronOptions& options)
        : data_(data), options_(options), state_(static_cast<std::size_t>(data.features + 1)) {}

    PerceptronRun train(const Poll& poll) {
        Interruption interruption(poll);
        find_wrong();
        keep_if_best();
        while (!wrong_.empty()) {
            if (updates() == options_.max_updates) return ended(PerceptronEnd::out_of_updates);
            if (interruption.asked()) return ended(PerceptronEnd::interrupted);
            if (!update()) return ended(PerceptronEnd::not_finite);
            find_wrong();
            keep_if_best();
            if (run_.proof.empty()) look_for_proof();
        }
        return ended(PerceptronEnd::converged);
    }

private:
    int64_t updates() const { return static_cast<int64_t>(run_.picked.size()); }
    const double* row(int64_t i) const { return data_.x + i * data_.features; }

    void find_wrong() {
        wrong_.clear();
        const double bias = state_.back();
        for (int64_t first = 0; first < data_.samples; first += together) {
            const int64_t count = std::min(together, data_.samples - first);
            double sums[together] = {};
            if (count == together)
                for (int64_t k = 0; k < data_.features; ++k)
                    for (int64_t r = 0; r < together; ++r) sums[r] += state_[static_cast<std::size_t>(k)] * row(first + r)[k];
            else
                for (int64_t r = 0; r < count; ++r)
                    for (int64_t k = 0; k < data_.features; ++k) sums[r] += state_[static_cast<std::size_t>(k)] * row(first + r)[k];
            for (int64_t r = 0; r < count; ++r)
                if ((sums[r] + bias >= 0) != (data_.side[first + r] > 0)) wrong_.push_back(first + r);
        }
    }

    void keep_if_best() {
        const auto mistakes = static_cast<int64_t>(wrong_.size());
        if (run_.pocket.empty() || mistakes < run_.pocket_mistakes) {
            run_.pocket = state_;
            run_.pocket_mistakes = mistakes;
        }
        if (!options_.keeps_history) return;
        run_.history.insert(run_.history.end(), state_.begin(), state_.end());
        run_.mistakes.push_back(mistakes);
    }

    // False, and nothing is changed, where a weight would not stay finite.
    bool update() {
        const auto number = static_cast<uint64_t>(updates());
        const Stream stream{options_.seed, Purpose::perceptron};
        const int64_t picked = wrong_[uniform_below(stream, number, wrong_.size())];
        const double step = options_.learning_rate * data_.side[picked];
        std::vector<double> next = state_;
        for (int64_t k = 0; k < data_.features; ++k) next[static_cast<std::size_t>(k)] += step * row(picked)[k];
        next.back() += step;
        if (!std::all_of(next.begin(), next.end(), [](double value) { return std::isfinite(value); })) return false;
        state_.swap(next);
        run_.picked.push_back(picked);
        return true;
    }

    uint64_t hash_of_state() const {
        uint64_t hash = 0;
        for (const double value : state_) {
            const double same = value + 0.0;  // -0 is 0
            uint64_t bits;
            std::memcpy(&bits, &same, sizeof(bits));
            hash = (hash ^ bits) * 0x9E3779B97F4A7C15;
            hash ^= hash >> 29;
        }
        return hash;
    }

    // Where the sides can be separated, every update brings w nearer to what separates them, so weights never come back. Where they
    // seem to be back, the sum of the updates between is made without rounding: if it is zero, it is the proof.
    void look_for_proof() {
        if (seen_.empty()) seen_.emplace(0, 0);  // the start: all zero
        const auto [found, is_new] = seen_.emplace(hash_of_state(), updates());
        if (is_new) {
            if (seen_.size() > most_states) seen_.clear();
            return;
        }
        const int64_t begin = found->second;
        found->second = updates();
        if (!sums_to_zero(begin)) return;
        run_.proof.assign(static_cast<std::size_t>(data_.samples), 0);
        for (auto pick = run_.picked.begin() + begin; pick != run_.picked.end(); ++pick) ++run_.proof[static_cast<std::size_t>(*pick)];
        run_.proof_begin = begin;
        run_.proof_end = updates();
        seen_.clear();
    }

    bool sums_to_zero(int64_t begin) const {
        for (int64_t k = 0; k <= data_.features; ++k) {
            ExactSum sum;
            for (auto pick = run_.picked.begin() + begin; pick != run_.picked.end(); ++pick)
                sum.add(data_.side[*pick] * (k == data_.features ? 1.0 : row(*pick)[k]));
            if (!sum.is_zero()) return false;
        }
        return true;
    }

    PerceptronRun ended(PerceptronEnd end) {
        run_.end = end;
        run_.last = state_;
        run_.last_mistakes = static_cast<int64_t>(wrong_.size());
        return std::move(run_);
    }

    const TwoSides& data_;
    const PerceptronOptions& options_;
    std::vector<double> state_;  // w, then b
    std::vector<int64_t> wrong_;
    std::unordered_map<uint64_t, int64_t> seen_;  // updates done, by the hash of the weights
    PerceptronRun run_;
};

}  // namespace

PerceptronRun train_perceptron(const TwoSides& data, const PerceptronOptions& options, const Poll& poll) {
    const DefaultArithmetic arithmetic;
    return Learner(data, options).train(poll);
}

}  // namespace fastmlp
