// What machine this is: instruction sets, caches, and how many threads this process may use.
#pragma once

#include <cstdint>
#include <string>

namespace fastmlp {

bool cpu_has_avx2();    // with FMA, and the operating system saving the registers
bool cpu_has_avx512();  // F, DQ, BW and VL
bool cpu_has_avx512_bf16();

std::string cpu_model();
std::string cpu_architecture();

// Bytes; 0 where the system does not tell.
struct Caches {
    int64_t l1d, l2, l3;
};
Caches cpu_caches();

// 0: no such limit is set.
struct ThreadLimits {
    int affinity;         // processors this process may run on
    int cgroup_quota;     // the container's share of processors, rounded up
    int omp_num_threads;  // the environment variable
};
ThreadLimits thread_limits();

// min(affinity, cgroup quota, OMP_NUM_THREADS, wanted); `wanted` 0 means as many as allowed. Read once, at the first call.
int thread_budget(int wanted);

}  // namespace fastmlp
