// A network as its users hold it: spec, parameters of either precision, input scaling, and the rule who may use it when.
#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <variant>
#include <vector>

#include "network/access.h"
#include "network/parameters.h"
#include "network/samples.h"
#include "network/workspace.h"
#include "runtime/arithmetic.h"

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
        if (!shift_.empty()) {
            inputs.shift = shift_.data();
            inputs.scale = scale_.data();
            inputs.shift32 = shift32_.data();
            inputs.scale32 = scale32_.data();
        }
        return inputs;
    }

    // (inputs) each, or empty: x -> (x - shift) * scale.
    void set_scaling(const std::vector<double>& shifts, const std::vector<double>& scales) {
        const DefaultArithmetic arithmetic;
        shift_ = shifts;
        scale_ = scales;
        shift32_.clear();
        scale32_.clear();
        for (const double value : shifts) shift32_.push_back(static_cast<float>(value));
        for (const double value : scales) scale32_.push_back(static_cast<float>(value));
    }

    const Spec spec;
    std::variant<Shared<float>, Shared<double>> parameters;
    std::tuple<Workspaces<float>, Workspaces<double>> workspaces;  // the one of its precision is used

    // A reader does not wait for an epoch: it is refused.
    Access::Holder try_read() { return access_.try_read(); }
    Access::Holder read() {
        Access::Holder holder = try_read();
        if (!holder) throw std::runtime_error("the network is being trained or changed by another call; use it when that has ended");
        return holder;
    }
    // Waits for readers; call without the GIL.
    Access::Holder write() { return access_.write(); }
    Access::Holder try_write() { return access_.try_write(); }
    // For changes from outside: neither while a trainer holds the network nor while a call uses it.
    Access::Holder change() {
        Access::Holder holder = access_.try_write();
        if (!holder || has_trainer) throw std::runtime_error("the network is in use by a trainer or another call; close the trainer first");
        return holder;
    }
    std::atomic<bool> has_trainer{false};

private:
    std::vector<double> shift_, scale_;
    std::vector<float> shift32_, scale32_;
    Access access_;
};

}  // namespace fastmlp
