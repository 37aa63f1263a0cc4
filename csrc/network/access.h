// Any number of readers, or one writer. Unlike std::shared_mutex it may be tried by the thread that holds it: a progress callback
// that uses the network in training is refused, not undefined.
#pragma once

#include <condition_variable>
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
            if (access_) access_->leave(writes_);
        }
        explicit operator bool() const { return access_ != nullptr; }

    private:
        Access* access_ = nullptr;
        bool writes_ = false;
    };

    Holder try_read() {
        const std::lock_guard guard(mutex_);
        if (written_) return {};
        ++readers_;
        return {this, false};
    }
    Holder try_write() {
        const std::lock_guard guard(mutex_);
        if (written_ || readers_ > 0) return {};
        written_ = true;
        return {this, true};
    }
    Holder write() {
        std::unique_lock guard(mutex_);
        free_.wait(guard, [this] { return !written_ && readers_ == 0; });
        written_ = true;
        return {this, true};
    }

private:
    void leave(bool writes) {
        {
            const std::lock_guard guard(mutex_);
            if (writes)
                written_ = false;
            else
                --readers_;
        }
        free_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable free_;
    int readers_ = 0;
    bool written_ = false;
};

}  // namespace fastmlp
