// A network as its users hold it: spec, parameters of either precision, input scaling, and the rule who may use it when.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <variant>
#include <vector>

#include "network/parameters.h"
#include "network/samples.h"

namespace fastmlp {

template <class T>
using Shared = std::shared_ptr<Parameters<T>>;

class Network {
public:
    Network(Spec spec_, bool double_precision) : spec(std::move(spec_)) {
        if (double_precision)
            parameters = std::make_shared<Parameters<double>>(spec);
        else
            parameters = std::make_shared<Parameters<float>>(spec);
    }

    bool double_precision() const { return parameters.index() == 1; }
    Inputs scaled(Inputs inputs) const {
        if (!shift.empty()) {
            inputs.shift = shift.data();
            inputs.scale = scale.data();
        }
        return inputs;
    }

    const Spec spec;
    std::variant<Shared<float>, Shared<double>> parameters;
    std::vector<double> shift, scale;  // (inputs) each, or empty

    // Any number of readers, or one epoch of training. A reader does not wait for an epoch: it is refused.
    std::shared_lock<std::shared_mutex> read() {
        std::shared_lock lock(in_use_, std::try_to_lock);
        if (!lock) throw std::runtime_error("the network is being trained or changed by another call; use it when that has ended");
        return lock;
    }
    // Waits for readers; call without the GIL.
    std::unique_lock<std::shared_mutex> write() { return std::unique_lock(in_use_); }
    // For changes from outside: neither while a trainer holds the network nor while a call uses it.
    std::unique_lock<std::shared_mutex> change() {
        std::unique_lock lock(in_use_, std::try_to_lock);
        if (!lock || has_trainer) throw std::runtime_error("the network is in use by a trainer or another call; close the trainer first");
        return lock;
    }
    std::atomic<bool> has_trainer{false};

private:
    std::shared_mutex in_use_;
};

}  // namespace fastmlp
