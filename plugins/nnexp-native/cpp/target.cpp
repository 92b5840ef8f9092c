// One compiled target: everything above for one instruction set, in a namespace of its own. Compiled once for each,
// with -DNNEXP_TARGET=name, -DNNEXP_VECTOR_BYTES=width and the compiler's options for the instruction set.
#include "epoch.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
Trainer* trainer(const Plan& plan, const Arrays<T>& arrays) {
    return new EpochTrainer<T>(plan, arrays);
}
template <class T>
Evaluator* evaluator(const Plan& plan, const Arrays<T>& arrays) {
    return new ForwardEvaluator<T>(plan, arrays);
}

template <class T, class Function>
void map(const T* x, T* out, size_t n, Function function) {
    for (size_t i = 0; i < n; i += LANES<T>) {
        Vec<T> here{};
        const size_t rest = n - i < LANES<T> ? n - i : LANES<T>;
        for (size_t j = 0; j < rest; ++j) here[j] = x[i + j];
        here = function(here);
        for (size_t j = 0; j < rest; ++j) out[i + j] = here[j];
    }
}

template <class T>
void elementary(const char* name, const T* x, T* out, size_t n) {
    using V = Vec<T>;
    const auto is = [&](const char* other) { return __builtin_strcmp(name, other) == 0; };
    if (is("exp"))
        map(x, out, n, [](V v) { return exp(v); });
    else if (is("expm1"))
        map(x, out, n, [](V v) { return expm1(v); });
    else if (is("log1p"))
        map(x, out, n, [](V v) { return log1p(v); });
    else if (is("log"))
        map(x, out, n, [](V v) { return log(v); });
    else if (is("log_cosh"))
        map(x, out, n, [](V v) { return log_cosh(v); });
    else if (is("sigmoid"))
        map(x, out, n, [](V v) { return sigmoid(v); });
    else if (is("tanh"))
        map(x, out, n, [](V v) { return tanh(v); });
    else if (is("softplus"))
        map(x, out, n, [](V v) { return softplus(v); });
    else if (is("normal"))
        map(x, out, n, [](V v) { return normal_distribution(v).phi; });
    else if (is("sin"))
        map(x, out, n, [](V v) { return sin(v); });
    else if (is("cos"))
        map(x, out, n, [](V v) { return cos(v); });
}

extern const Target target;
const Target target = {
#define NNEXP_NAME_OF(x) #x
#define NNEXP_NAME(x) NNEXP_NAME_OF(x)
    NNEXP_NAME(NNEXP_TARGET), NNEXP_VECTOR_BYTES, trainer<double>,    trainer<float>,
    evaluator<double>,        evaluator<float>,   elementary<double>, elementary<float>,
};

}  // namespace nnexp::NNEXP_TARGET
