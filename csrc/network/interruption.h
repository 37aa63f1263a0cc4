// How a long call is ended from outside: the leader asks a poll function about every 50 ms, between steps, or inside a step that
// takes longer than that. Members see the answer at places where all of them look at the same value.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>

namespace fastmlp {

// Returns true to end the call; may take the GIL, check signals and show progress. Called by the leader alone.
using Poll = std::function<bool()>;

struct Interruption {
    static constexpr std::chrono::milliseconds interval{50};

    explicit Interruption(const Poll& poll_) : poll(poll_) {}

    // The leader's question; true from the first time that poll said so.
    bool asked() {
        const auto now = std::chrono::steady_clock::now();
        if (!requested.load(std::memory_order_relaxed) && now - last >= interval) {
            last = now;
            if (poll && poll()) requested.store(true, std::memory_order_relaxed);
        }
        return requested.load(std::memory_order_relaxed);
    }

    const Poll& poll;
    std::atomic<bool> requested{false};  // a hint for members inside a product: leave early
    // Decisions: written by the leader before a barrier, read by all after it, and not written again before the next.
    bool abandon_step = false;
    bool end_call = false;
    std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

}  // namespace fastmlp
