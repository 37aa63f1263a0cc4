// How every function below kernels/ is declared: inlined always, so that no object exports it. The linker would
// otherwise keep one copy of it for all instruction sets, and an older CPU might meet AVX-512 in it.
#pragma once

#define FASTMLP_INLINE inline __attribute__((always_inline))
