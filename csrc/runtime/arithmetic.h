// The floating-point environment of a scope: round to nearest, subnormals kept. It is part of the arithmetic, and another library
// may have changed it for the whole process; the caller's is restored.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <cfenv>
#endif

namespace fastmlp {

class DefaultArithmetic {
public:
#if defined(__x86_64__)
    DefaultArithmetic() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
    ~DefaultArithmetic() { _mm_setcsr(saved_); }

private:
    unsigned saved_;
#else
    DefaultArithmetic() {
        std::fegetenv(&saved_);
        std::fesetenv(FE_DFL_ENV);
    }
    ~DefaultArithmetic() { std::fesetenv(&saved_); }

private:
    std::fenv_t saved_;
#endif
};

}  // namespace fastmlp
