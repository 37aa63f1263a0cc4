// How a call leaves Python and stays in touch with it: the GIL released, signals checked about every 50 ms.
#pragma once

#include <exception>
#include <functional>
#include <utility>

#include <pybind11/pybind11.h>

#include "network/interruption.h"

namespace fastmlp {

// The poll of a long call. It may only be called by the thread that made it, with the GIL released. An exception raised by a
// signal handler or by `progress` is kept and thrown again by rethrow(), with the GIL held.
class PythonPoll {
public:
    explicit PythonPoll(std::function<void()> progress = {}) : progress_(std::move(progress)) {}

    Poll poll() {
        return [this] {
            const pybind11::gil_scoped_acquire gil;
            try {
                if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
                if (progress_) progress_();
                return false;
            } catch (...) {  // whatever it is: it must not leave through a team of threads
                error_ = std::current_exception();
            }
            return true;
        };
    }
    void rethrow() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    std::function<void()> progress_;
    std::exception_ptr error_;
};

}  // namespace fastmlp
