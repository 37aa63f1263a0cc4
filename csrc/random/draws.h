// Distributions over the counter-based generator. Only + - * / and sqrt are used, which IEEE 754 rounds the same everywhere:
// the C library's log differs between its versions, and initial weights must not.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "random/philox.h"

namespace fastmlp {

// Two independent N(0, 1) values for one place.
std::array<double, 2> normal_pair(Stream stream, uint32_t row, uint32_t column);

// Two independent uniform values in (-1, 1) for one place.
std::array<double, 2> symmetric_pair(const Stream& stream, uint32_t row, uint32_t column);

// Uniform among 0 ... n - 1, for a place of a stream: a 64-bit number times n, shifted. Its departure from uniform is below n / 2^64.
uint64_t uniform_below(const Stream& stream, uint64_t place, uint64_t n);

// rows <- drawn with replacement from 0 ... n-1, n = rows.size(): a function of (seed, model, n). A bootstrap resample.
void resample(std::vector<int64_t>& rows, uint64_t seed, uint32_t model);

// order <- a uniformly random order of 0 ... n-1: a function of (seed, epoch, n).
void permute(std::vector<int64_t>& order, uint64_t seed, uint32_t epoch);

// `count` of 0 ... n-1 without repetition, each set as likely as any other, for one column of a stream.
std::vector<int64_t> choose(int64_t n, int64_t count, const Stream& stream, uint32_t column);

}  // namespace fastmlp
