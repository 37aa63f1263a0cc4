#include "runtime/team.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(FASTMLP_TEAM_OPENMP)
#include <omp.h>
#endif

#include "runtime/arithmetic.h"
#include "runtime/cpu.h"

namespace fastmlp {
namespace {

inline void pause_processor() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

std::atomic<int> forced_size{0};
std::atomic<bool> threads_taken{false};
std::atomic<bool> forked{false};

// A child has none of its parent's threads, and an OpenMP runtime that waits for them hangs.
void after_fork_in_child() {
    forked = true;
    threads_taken = false;
}

// From the first moment, not from our first team: the threads may be another library's, in the same OpenMP runtime.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, after_fork_in_child);

bool take_threads() { return !forked && !threads_taken.exchange(true); }

// Gives the threads back on every way out of a call.
struct Lease {
    ~Lease() { threads_taken = false; }
};

void run_alone(const std::function<void(const Member&)>& work) {
    Barrier barrier(1);
    work({0, 1, &barrier});
}

#if defined(FASTMLP_TEAM_OPENMP)
void run_together(int threads, const std::function<void(const Member&)>& work) {
    // The runtime may grant fewer threads than asked (OMP_THREAD_LIMIT): the barrier is made inside, for those that came.
    Barrier* shared = nullptr;
#pragma omp parallel num_threads(threads) default(none) shared(work, shared)
    {
        const int count = omp_get_num_threads();
        if (omp_get_thread_num() == 0) shared = new Barrier(count);
#pragma omp barrier
        const DefaultArithmetic arithmetic;
        work({omp_get_thread_num(), count, shared});
    }
    delete shared;
}
#elif defined(FASTMLP_TEAM_STD)
void run_together(int threads, const std::function<void(const Member&)>& work) {
    // The system may grant fewer threads than asked: those that came wait until it is known how many they are.
    std::optional<Barrier> barrier;
    std::atomic<int> count{0};
    std::vector<std::thread> others;
    others.reserve(static_cast<std::size_t>(threads));
    try {
        for (int i = 1; i < threads; ++i)
            others.emplace_back([&, i] {
                while (count.load(std::memory_order_acquire) == 0) sched_yield();
                const DefaultArithmetic arithmetic;
                work({i, count.load(std::memory_order_relaxed), &*barrier});
            });
    } catch (const std::exception&) {  // no more threads: a smaller team
    }
    const int came = static_cast<int>(others.size()) + 1;
    barrier.emplace(came);
    count.store(came, std::memory_order_release);
    work({0, came, &*barrier});
    for (std::thread& other : others) other.join();
}
#else
void run_together(int, const std::function<void(const Member&)>& work) { run_alone(work); }
#endif

}  // namespace

void Barrier::wait() {
    const unsigned round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == members_ - 1) {
        arrived_.store(0, std::memory_order_relaxed);
        round_.store(round + 1, std::memory_order_release);
        return;
    }
    constexpr int spins = 4096;  // some microseconds: longer than any balanced phase differs
    for (int i = 0; round_.load(std::memory_order_acquire) == round; ++i) {
        if (i < spins)
            pause_processor();
        else
            sched_yield();
    }
}

const char* team_backend() {
#if defined(FASTMLP_TEAM_OPENMP)
    return "openmp";
#elif defined(FASTMLP_TEAM_STD)
    return "std";
#else
    return "serial";
#endif
}

int team_size(double flops, int wanted, double worth_a_thread) {
    if (forced_size > 0) return forced_size;
    return static_cast<int>(std::clamp(flops / worth_a_thread, 1.0, static_cast<double>(thread_budget(wanted))));
}

void force_team_size(int threads) { forced_size = threads; }

void run_team(int threads, const std::function<void(const Member&)>& work) {
    const DefaultArithmetic arithmetic;
    if (threads <= 1 || !take_threads()) return run_alone(work);
    const Lease lease;
    run_together(threads, work);
}

}  // namespace fastmlp
