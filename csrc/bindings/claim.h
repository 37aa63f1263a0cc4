// The place of the one trainer of a network, kept from before its parameters are looked at.
#pragma once

#include <stdexcept>
#include <utility>

#include "bindings/network.h"

namespace fastmlp {

class Claim {
public:
    explicit Claim(NetworkPointer network) : network_(std::move(network)) {
        if (network_->has_trainer.exchange(true)) throw std::runtime_error("the network already has a trainer; close that one first");
    }
    ~Claim() { release(); }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    bool held() const { return held_; }
    void release() {
        if (held_) network_->has_trainer = false;
        held_ = false;
    }

private:
    NetworkPointer network_;
    bool held_ = true;
};

}  // namespace fastmlp
