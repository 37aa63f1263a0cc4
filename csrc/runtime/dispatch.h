// Which instruction set runs: the best that this CPU has, or the one that the environment variable FASTMLP_ISA names.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "kernels/sparse_table.h"

namespace fastmlp {

std::vector<std::string> isas_built();  // best first
std::vector<std::string> isas_found();  // those of them that this CPU can run, best first

// Chosen at the first call and kept. Throws std::invalid_argument where FASTMLP_ISA names none of isas_found().
const Kernels& kernels();

// Kernels for weights that are mostly zeros, of the same instruction set.
const SparseKernels& sparse_kernels();

// Products of bf16 factors: the row that has the name of kernels(), or one whose processor multiplies pairs by itself, where that has
// the same bits and is faster (runtime/trial.h); FASTMLP_ISA excludes the latter. Chosen at the first call and kept.
const PairKernels& pair_kernels();

// For tests: any row by name. Throws std::invalid_argument where it is none of pair_isas_found().
std::vector<std::string> pair_isas_found();
const PairKernels& pair_kernels(const std::string& name);

}  // namespace fastmlp
