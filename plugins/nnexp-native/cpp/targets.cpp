#include "targets.hpp"

#include <chrono>

namespace nnexp {

Trainer::~Trainer() = default;
Evaluator::~Evaluator() = default;

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

#if defined(__x86_64__)
namespace baseline { extern const Target target; }
namespace avx2 { extern const Target target; }
namespace avx512 { extern const Target target; }
#ifdef NNEXP_WIDE
namespace wide { extern const Target target; }
#endif

std::vector<const Target*> runnable_targets() {
    std::vector<const Target*> found;
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) found.push_back(&avx512::target);
    if (has_avx2) found.push_back(&avx2::target);
    found.push_back(&baseline::target);
#ifdef NNEXP_WIDE
    if (has_avx2) found.push_back(&wide::target);
#endif
    return found;
}
#else
#ifdef __ARM_NEON
#define NNEXP_ONLY neon
#else
#define NNEXP_ONLY baseline
#endif
namespace NNEXP_ONLY { extern const Target target; }

std::vector<const Target*> runnable_targets() { return {&NNEXP_ONLY::target}; }
#endif

}  // namespace nnexp
