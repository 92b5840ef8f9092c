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

// out = function(x), a vector at a time; the last one is filled up with zeros.
template <class T>
void map(const T* x, T* out, size_t n, Vec<T> (*function)(Vec<T>)) {
    for (size_t i = 0; i < n; i += LANES<T>) {
        const size_t here = n - i < LANES<T> ? n - i : LANES<T>;
        T lanes[LANES<T>] = {};
        copy(x + i, lanes, here);
        store(lanes, function(load(lanes)));
        copy(lanes, out + i, here);
    }
}

template <class T>
void elementary(const char* name, const T* x, T* out, size_t n) {
    using V = Vec<T>;
    const struct {
        const char* name;
        V (*function)(V);
    } functions[] = {
        {"exp", exp<V>},
        {"expm1", expm1<V>},
        {"log1p", log1p<V>},
        {"log", log<V>},
        {"log_cosh", log_cosh<V>},
        {"sigmoid", sigmoid<V>},
        {"tanh", tanh<V>},
        {"softplus", softplus<V>},
        {"normal", [](V v) { return normal_distribution(v).phi; }},
        {"sin", sin<V>},
        {"cos", cos<V>},
    };
    for (const auto& each : functions)
        if (__builtin_strcmp(name, each.name) == 0) return map(x, out, n, each.function);
}

extern const Target target;
const Target target = {
#define NNEXP_NAME_OF(x) #x
#define NNEXP_NAME(x) NNEXP_NAME_OF(x)
    NNEXP_NAME(NNEXP_TARGET), NNEXP_VECTOR_BYTES, trainer<double>,    trainer<float>,
    evaluator<double>,        evaluator<float>,   elementary<double>, elementary<float>,
};

}  // namespace nnexp::NNEXP_TARGET
