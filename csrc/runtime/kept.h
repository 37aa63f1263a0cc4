// One object kept between calls so that a call need not make it: whoever comes takes it, who comes meanwhile makes another, and
// on the way back the first one is kept. Any number of threads; nobody waits.
#pragma once

#include <atomic>
#include <memory>

namespace fastmlp {

template <class Object>
class Kept {
public:
    Kept() = default;
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    ~Kept() { delete place_.load(std::memory_order_acquire); }

    // Returns what it holds to its place.
    struct Return {
        Kept* home;
        void operator()(Object* object) const {
            Object* none = nullptr;
            if (!home->place_.compare_exchange_strong(none, object, std::memory_order_acq_rel)) delete object;
        }
    };
    using Taken = std::unique_ptr<Object, Return>;

    // What is kept, where it is there and fits(object); otherwise make(), a unique_ptr.
    template <class Fits, class Make>
    Taken take(const Fits& fits, const Make& make) {
        Taken taken(place_.exchange(nullptr, std::memory_order_acq_rel), Return{this});
        if (taken && fits(*taken)) return taken;
        delete taken.release();
        return Taken(make().release(), Return{this});
    }

private:
    std::atomic<Object*> place_{nullptr};
};

}  // namespace fastmlp
