// How many threads pay, by measurement: most of the time a call runs at the chosen size; now and then a few milliseconds at a
// neighbouring one tell whether that would be faster. On a machine that others use too, a team whose members wait for a
// processor at every barrier is many times slower than one thread alone. Results do not depend on the size, so it may change.
#pragma once

#include <cstdint>
#include <vector>

namespace fastmlp {

class Pace {
public:
    // Sizes to choose from: largest, and the powers of two below it.
    explicit Pace(int largest);

    bool adapts() const { return sizes_.size() > 1; }
    int size() const { return sizes_[probing_ ? probe_ : chosen_]; }
    double slice_seconds() const;  // how long to run at this size before asking again

    // What a slice, or a part of one, took.
    void record(double seconds, int64_t steps);

private:
    void end_slice(double cost, double seconds);
    void start_probe();

    std::vector<int> sizes_;  // ascending
    std::size_t chosen_, probe_ = 0;
    bool probing_ = false, upward_ = false;
    double cost_ = 0;                // seconds a step at the chosen size, in its last slice
    double wait_, until_probe_ = 0;  // seconds between probes; left until the next one
    double seconds_ = 0;             // of the slice under way
    int64_t steps_ = 0;
};

}  // namespace fastmlp
