#include "runtime/cpu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace fastmlp {

#if defined(__x86_64__)
// The builtin reads CPUID and, by XGETBV, whether the operating system saves the registers.
bool cpu_has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool cpu_has_avx512() {
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
bool cpu_has_avx512_bf16() { return cpu_has_avx512() && __builtin_cpu_supports("avx512bf16"); }
std::string cpu_architecture() { return "x86_64"; }
#else
bool cpu_has_avx2() { return false; }
bool cpu_has_avx512() { return false; }
bool cpu_has_avx512_bf16() { return false; }
#if defined(__aarch64__)
std::string cpu_architecture() { return "aarch64"; }
#else
std::string cpu_architecture() { return "other"; }
#endif
#endif

std::string cpu_model() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("model name", 0) != 0) continue;
        const auto start = line.find_first_not_of(" \t:", 10);
        return start == std::string::npos ? "unknown" : line.substr(start);
    }
    return "unknown";
}

namespace {

// "48K" or "32M" in a file of /sys; 0 where there is none.
int64_t size_in(const std::string& path) {
    std::ifstream file(path);
    int64_t size = 0;
    char unit = 0;
    file >> size >> unit;
    return unit == 'K' ? size << 10 : unit == 'M' ? size << 20 : size;
}

}  // namespace

Caches cpu_caches() {
    Caches caches{0, 0, 0};
    for (int index = 0; index < 8; ++index) {
        const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
        std::ifstream level_file(folder + "level"), type_file(folder + "type");
        int level = 0;
        std::string type;
        level_file >> level;
        type_file >> type;
        const int64_t size = size_in(folder + "size");
        if (level == 1 && type == "Data") caches.l1d = size;
        if (level == 2) caches.l2 = size;
        if (level == 3) caches.l3 = size;
    }
    return caches;
}

namespace {

int processors_allowed() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
#endif
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

int rounded_up(double quota, double period) {
    return quota > 0 && period > 0 ? static_cast<int>(std::min(1e6, std::ceil(quota / period))) : 0;
}

// The folder of this process's control group below `mount`: the line of /proc/self/cgroup that names `controller`
// ("" for the unified hierarchy).
std::string cgroup_folder(const std::string& mount, const std::string& controller) {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        const bool found = controller.empty() ? controllers == ",," : controllers.find("," + controller + ",") != std::string::npos;
        if (found) return mount + line.substr(second + 1);
    }
    return mount;
}

// A limit may stand in any folder from the process's own up to the mount: the least of them counts.
int least_quota(const std::string& mount, const std::string& controller, int (*read)(const std::string&)) {
    int least = 0;
    for (std::string folder = cgroup_folder(mount, controller); folder.size() >= mount.size();
         folder = folder.substr(0, folder.find_last_of('/'))) {
        const int quota = read(folder);
        if (quota > 0 && (least == 0 || quota < least)) least = quota;
    }
    return least;
}

int quota_version_2(const std::string& folder) {
    std::ifstream file(folder + "/cpu.max");
    double quota = 0, period = 0;
    file >> quota >> period;  // "max 100000" fails at the word: no limit
    return file ? rounded_up(quota, period) : 0;
}

int quota_version_1(const std::string& folder) {
    std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
    double quota = 0, period = 0;
    quota_file >> quota;
    period_file >> period;
    return quota_file && period_file ? rounded_up(quota, period) : 0;
}

int cgroup_quota() {
    const int quota = least_quota("/sys/fs/cgroup", "", quota_version_2);
    return quota > 0 ? quota : least_quota("/sys/fs/cgroup/cpu", "cpu", quota_version_1);
}

int omp_num_threads() {
    const char* text = std::getenv("OMP_NUM_THREADS");
    return text ? static_cast<int>(std::clamp(std::strtol(text, nullptr, 10), 0L, 1L << 20))
                : 0;  // a list "4,2" means nesting levels: the first counts
}

}  // namespace

ThreadLimits thread_limits() {
    static const ThreadLimits limits{processors_allowed(), cgroup_quota(), omp_num_threads()};
    return limits;
}

int thread_budget(int wanted) {
    const ThreadLimits limits = thread_limits();
    int budget = limits.affinity;
    for (int limit : {limits.cgroup_quota, limits.omp_num_threads, wanted})
        if (limit > 0) budget = std::min(budget, limit);
    return std::max(1, budget);
}

}  // namespace fastmlp
