// The only threads of the engine: a team that runs one function, with a barrier. Three backends, chosen in CMakeLists.txt:
// OpenMP (the default), std::thread (no OpenMP runtime; what ThreadSanitizer understands) and serial.
// Results never depend on the size of the team, so a team may always be smaller than asked: in a forked child, and while
// another call of this process holds the threads, the caller runs alone.
#pragma once

#include <atomic>
#include <functional>

namespace fastmlp {

// All members wait until the last has come: a short spin, then yielding the processor.
class Barrier {
public:
    explicit Barrier(int members) : members_(members) {}
    void wait();

private:
    const int members_;
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<unsigned> round_{0};
};

struct Member {
    int index, count;
    Barrier* barrier;

    bool leads() const { return index == 0; }  // the calling thread
    void wait() const {
        if (count > 1) barrier->wait();
    }
};

const char* team_backend();

// How many threads a call with `flops` of work between barriers should run on: as many as are allowed (thread_budget) and pay.
constexpr double flops_between_barriers = 1.5e6;  // of a thread: below, the barriers cost more than it gains
int team_size(double flops, int wanted, double worth_a_thread = flops_between_barriers);

// For tests: every team starts with exactly this size, whatever the machine and the work; 0 ends it.
void force_team_size(int threads);

// Runs work(member) on up to `threads` threads, the calling one first, and returns when all are done. `work` must not throw.
// Every member computes in the default floating-point environment (round to nearest, subnormals kept); the caller's is restored.
void run_team(int threads, const std::function<void(const Member&)>& work);

}  // namespace fastmlp
