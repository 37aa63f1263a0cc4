// Any number of readers, or one writer. Unlike std::shared_mutex it may be tried by the thread that holds it: a progress callback
// that uses the network in training is refused, not undefined. Coming and going of a reader is one atomic operation each, since a
// prediction may take less than a microsecond; only a writer waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

namespace fastmlp {

class Access {
public:
    // Keeps what was granted until it goes; empty where nothing was.
    class Holder {
    public:
        Holder() = default;
        Holder(Access* access, bool writes) : access_(access), writes_(writes) {}
        Holder(Holder&& other) noexcept : access_(std::exchange(other.access_, nullptr)), writes_(other.writes_) {}
        Holder& operator=(Holder&&) = delete;
        ~Holder() {
            if (!access_) return;
            if (writes_)
                access_->leave_writing();
            else
                access_->leave_reading();
        }
        explicit operator bool() const { return access_ != nullptr; }

    private:
        Access* access_ = nullptr;
        bool writes_ = false;
    };

    Holder try_read() {
        uint64_t state = state_.load(std::memory_order_relaxed);
        do {
            if (state & written) return {};
        } while (!state_.compare_exchange_weak(state, state + reader, std::memory_order_acquire, std::memory_order_relaxed));
        return {this, false};
    }
    Holder try_write() { return enter_writing() ? Holder(this, true) : Holder(); }
    Holder write() {
        std::unique_lock guard(mutex_);
        while (!enter_writing()) {
            // Said before a second look: whoever leaves after that look knows that somebody waits, and comes for the mutex.
            state_.fetch_or(waiting);
            if (enter_writing()) break;
            free_.wait(guard);
        }
        return {this, true};
    }

private:
    static constexpr uint64_t written = 1, waiting = 2, reader = 4;  // the state: two flags and a count

    bool enter_writing() {
        uint64_t state = state_.load();
        while ((state & ~waiting) == 0)
            if (state_.compare_exchange_weak(state, state | written)) return true;
        return false;
    }
    void leave_reading() {
        if (state_.fetch_sub(reader) & waiting) wake();
    }
    void leave_writing() {
        if (state_.fetch_and(~written) & waiting) wake();
    }
    void wake() {
        const std::lock_guard guard(mutex_);
        state_.fetch_and(~waiting);  // whoever still has to wait says so again
        free_.notify_all();
    }

    std::atomic<uint64_t> state_{0};
    std::mutex mutex_;
    std::condition_variable free_;
};

}  // namespace fastmlp
