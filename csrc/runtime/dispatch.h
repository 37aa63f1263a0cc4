// Which instruction set runs: the best that this CPU has, or the one that the environment variable FASTMLP_ISA names.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace fastmlp {

std::vector<std::string> isas_built();  // best first
std::vector<std::string> isas_found();  // those of them that this CPU can run, best first

// Chosen at the first call and kept. Throws std::invalid_argument where FASTMLP_ISA names none of isas_found().
const Kernels& kernels();

}  // namespace fastmlp
