#include "targets.hpp"

#include <chrono>

namespace nnexp {

Trainer::~Trainer() = default;
Evaluator::~Evaluator() = default;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

namespace baseline {
extern const Target target;
}
namespace avx2 {
extern const Target target;
}
namespace avx512 {
extern const Target target;
}
namespace wide {  // of the fuzz program alone
extern const Target target;
}
namespace neon {
extern const Target target;
}

#ifdef __x86_64__
std::vector<const Target*> runnable_targets() {
    std::vector<const Target*> found;
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#ifdef NNEXP_FUZZ
    if (has_avx2) found.push_back(&wide::target);
#else
    const bool has_avx512 =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (has_avx2 && has_avx512) found.push_back(&avx512::target);
    if (has_avx2) found.push_back(&avx2::target);
#endif
    found.push_back(&baseline::target);
    return found;
}
#elif defined(__ARM_NEON)
std::vector<const Target*> runnable_targets() { return {&neon::target}; }
#else
std::vector<const Target*> runnable_targets() { return {&baseline::target}; }
#endif

}  // namespace nnexp
