#include "runtime/measure.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <sched.h>

#include "runtime/cpu.h"
#include "runtime/dispatch.h"
#include "runtime/team.h"

namespace fastmlp {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A line to itself, so that no thread's notes disturb another's.
struct alignas(64) Share {
    double rate = 0;
    bool right = true;
};

// Runs prepare(member) and then amount = work(member), over and over for `seconds`, on all members at once; the sum of their rates.
template <class Prepare, class Work>
double summed_rate(int threads, double seconds, const Prepare& prepare, const Work& work) {
    std::vector<Share> shares(static_cast<std::size_t>(std::max(threads, 1)));
    run_team(threads, [&](const Member& member) {
        Share& mine = shares[static_cast<std::size_t>(member.index)];
        prepare(member);
        member.wait();
        const Clock::time_point start = Clock::now();
        double amount = 0, elapsed;
        do {
            amount += work(member, mine);
            elapsed = seconds_since(start);
        } while (elapsed < seconds);
        mine.rate = amount / elapsed;
    });
    double sum = 0;
    for (const Share& share : shares) {
        if (!share.right) throw std::logic_error("a measurement computed something wrong");
        sum += share.rate;
    }
    return sum;
}

// A slice of an array of 8-byte numbers, and how often it was written.
struct Slice {
    uint64_t* first;
    int64_t count;
    uint64_t value;
};

bool read_whole(const Slice& slice) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < slice.count; ++i) sum += slice.first[i];
    return sum == slice.value * static_cast<uint64_t>(slice.count);
}

bool write_whole(Slice& slice) {
    for (int64_t i = 0; i < slice.count; ++i) slice.first[i] += 1;
    slice.value += 1;
    return slice.first[0] == slice.value && slice.first[slice.count - 1] == slice.value;
}

constexpr int64_t smallest_array = int64_t{1} << 28, largest_array = int64_t{1} << 30;  // bytes

}  // namespace

double operation_rate(Operation operation, int threads, double seconds) {
    const auto kernel = kernels().f32.peak[static_cast<int>(operation)];
    if (kernel == nullptr) throw std::invalid_argument("instruction set " + std::string(kernels().name) + " has no such operation");
    constexpr int64_t rounds = 1 << 14;  // some microseconds; sums of ones stay exact in float32
    return summed_rate(
        threads, seconds, [](const Member&) {},
        [kernel](const Member&, Share& mine) {
            float chains[peak_chains] = {};
            const double done = kernel(rounds, 1, 1, chains);
            for (const float end : chains)
                mine.right = mine.right && static_cast<double>(end) * kernels().f32.lanes * peak_chains * 2 == done;
            return done;
        });
}

double memory_rate(bool writes, int threads, double seconds) {
    const int64_t bytes = std::clamp(4 * cpu_caches().l3, smallest_array, largest_array);
    const std::unique_ptr<void, void (*)(void*)> memory(std::aligned_alloc(4096, static_cast<std::size_t>(bytes)), std::free);
    if (!memory) throw std::bad_alloc();
    std::vector<Slice> slices(static_cast<std::size_t>(std::max(threads, 1)));
    return summed_rate(
        threads, seconds,
        [&](const Member& member) {  // the first to touch a page decides where it lies
            const int64_t count = bytes / 8 / member.count;
            Slice& slice = slices[static_cast<std::size_t>(member.index)];
            slice = {static_cast<uint64_t*>(memory.get()) + member.index * count, count, 1};
            std::fill(slice.first, slice.first + count, slice.value);
        },
        [&](const Member& member, Share& mine) {
            Slice& slice = slices[static_cast<std::size_t>(member.index)];
            mine.right = mine.right && (writes ? write_whole(slice) : read_whole(slice));
            return static_cast<double>(slice.count) * 8 * (writes ? 2 : 1);
        });
}

double barrier_seconds(int threads, double seconds) {
    constexpr int laps = 1000;
    double elapsed = 0;  // the leader's: written between two barriers, read by the others after the second
    int64_t waits = 0;
    run_team(threads, [&](const Member& member) {
        for (bool more = true; more;) {
            member.wait();
            const Clock::time_point start = Clock::now();
            for (int lap = 0; lap < laps; ++lap) member.wait();
            if (member.leads()) {
                elapsed += seconds_since(start);
                waits += laps;
            }
            member.wait();
            more = elapsed < seconds;
        }
    });
    return elapsed / static_cast<double>(waits);
}

double ping_pong_seconds() {
    constexpr int batches = 11, trips = 100, spins = 1 << 14;
    alignas(64) std::atomic<int> holder{0};
    std::vector<double> seconds;
    int members = 0;
    run_team(2, [&](const Member& member) {
        if (member.leads()) members = member.count;
        if (member.count < 2) return;
        for (int batch = 0; batch < batches; ++batch) {
            const Clock::time_point start = Clock::now();
            for (int trip = 0; trip < trips; ++trip) {
                for (int i = 0; holder.load(std::memory_order_acquire) != member.index; ++i)
                    if (i > spins) sched_yield();  // both may share a processor
                holder.store(1 - member.index, std::memory_order_release);
            }
            if (member.leads()) seconds.push_back(seconds_since(start));
        }
    });
    if (members < 2) throw std::runtime_error("only one thread may run here: there is no other to talk to");
    std::nth_element(seconds.begin(), seconds.begin() + batches / 2, seconds.end());
    return seconds[batches / 2] / (2 * trips);
}

}  // namespace fastmlp
