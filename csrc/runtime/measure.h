// What this machine can do, measured: arithmetic, memory, and how quickly its threads meet. A kernel's speed is a share of these.
// Each call uses up to `threads` threads, takes about `seconds`, and checks what it computed.
#pragma once

#include "kernels/kernel_table.h"

namespace fastmlp {

// Operations a second, float32, in registers alone. Throws std::invalid_argument where the instruction set has no such operation.
double operation_rate(Operation operation, int threads, double seconds);

// Bytes a second between the processors and an array that no cache holds: read, or read and written back (counted twice).
double memory_rate(bool writes, int threads, double seconds);

// Seconds from the last arrival at a barrier to the next: what a phase of a step costs beyond its work.
double barrier_seconds(int threads, double seconds);

// Seconds a cache line takes from one thread to another, one way; the median of many. Throws std::runtime_error where the
// team has only one thread.
double ping_pong_seconds();

}  // namespace fastmlp
