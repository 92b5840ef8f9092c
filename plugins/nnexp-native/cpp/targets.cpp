// Which instruction sets were compiled, and which this processor has.
#include "kernel.hpp"

namespace nnexp {

#define NNEXP_DECLARE(name) \
    namespace name { Kernel kernel(bool (*supported)()); }

NNEXP_DECLARE(baseline)
#ifdef NNEXP_X86
NNEXP_DECLARE(avx2)
NNEXP_DECLARE(avx512)
#endif
#ifdef NNEXP_WIDE
NNEXP_DECLARE(wide)
#endif

const std::vector<Kernel>& kernels() {
    static const std::vector<Kernel> all = {
#ifdef NNEXP_WIDE  // registers of 64 bytes, made of narrower ones: for tests on processors without AVX-512
        wide::kernel([] { return true; }),
#endif
        baseline::kernel([] { return true; }),
#ifdef NNEXP_X86
        avx2::kernel([] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }),
        avx512::kernel([] {
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
        }),
#endif
    };
    return all;
}

}  // namespace nnexp
