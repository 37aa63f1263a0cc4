// A loss that is a Python function: (outputs, targets) -> (loss of each sample or their mean, its gradient by the outputs).
#pragma once

#include <exception>
#include <memory>
#include <utility>

#include "bindings/arrays.h"
#include "network/custom_loss.h"

namespace fastmlp {

// Takes the GIL for each call. What the function raises, and what is wrong with its results, is kept and thrown by rethrow(), with
// the GIL held.
class PythonLoss {
public:
    PythonLoss(pybind11::object function, const TargetArray& targets) : function_(std::move(function)), targets_(targets) {}

    template <class T>
    std::unique_ptr<CustomLoss<T>> on(const Parameters<T>& parameters, int64_t rows) {
        return std::make_unique<CustomLoss<T>>(parameters, rows, [this](const CustomLossCall<T>& call) { return compute(call); });
    }
    void rethrow() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    template <class T>
    bool compute(const CustomLossCall<T>& call);
    template <class T>
    void ask(const CustomLossCall<T>& call) const;

    pybind11::object function_;
    const TargetArray& targets_;
    std::exception_ptr error_;
};

extern template bool PythonLoss::compute(const CustomLossCall<float>&);
extern template bool PythonLoss::compute(const CustomLossCall<double>&);

}  // namespace fastmlp
