// fastmlp._core.cpu_info: what `fastmlp info` prints.
#include <pybind11/stl.h>

#include "bindings/module.h"
#include "runtime/cpu.h"
#include "runtime/dispatch.h"
#include "runtime/team.h"

namespace py = pybind11;

namespace fastmlp {

void bind_machine(py::module_& module) {
    module.def(
        "cpu_info",
        [] {
            const Caches caches = cpu_caches();
            const ThreadLimits limits = thread_limits();
            py::dict info;
            info["model"] = cpu_model();
            info["architecture"] = cpu_architecture();
            info["isa_built"] = isas_built();
            info["isa_found"] = isas_found();
            info["isa_chosen"] = kernels().name;
            info["isa_pairs_found"] = pair_isas_found();
            info["isa_pairs_chosen"] = pair_kernels().name;
            info["fused_multiply_add"] = kernels().fused_multiply_add;
            info["caches"] = py::dict(py::arg("l1d") = caches.l1d, py::arg("l2") = caches.l2, py::arg("l3") = caches.l3);
            info["threads"] = py::dict(py::arg("default") = thread_budget(0), py::arg("affinity") = limits.affinity,
                                       py::arg("cgroup_quota") = limits.cgroup_quota, py::arg("omp_num_threads") = limits.omp_num_threads);
            info["thread_backend"] = team_backend();
            return info;
        },
        "The CPU, the instruction sets built, found and chosen, cache sizes in bytes, and the limits on threads (0: no limit).");
}

}  // namespace fastmlp
