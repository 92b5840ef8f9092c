// Random trainings on every compiled target, each by three ways to multiply: what they give must agree, and the
// sanitizers must find nothing. Built by CMake with -DNNEXP_FUZZ=ON; run as `fuzz NUMBER SEED`.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "names.hpp"
#include "targets.hpp"

using namespace nnexp;

namespace {

struct Never final : Poll {
    void check() override {}
};

// An array of exactly its size, so that a number read beyond it is noticed, at any address that fits its numbers.
template <class T>
struct Exact {
    Exact(std::size_t n, bool odd)
        : size(n), room(static_cast<T*>(std::malloc((n + odd) * sizeof(T)))), data(room + odd) {}
    Exact(const Exact& other) : Exact(other.size, other.data != other.room) {
        std::copy(other.data, other.data + size, data);
    }
    Exact& operator=(const Exact&) = delete;
    ~Exact() { std::free(room); }

    std::size_t size;
    T *room, *data;
};

struct Case {
    std::vector<std::size_t> sizes;
    Plan plan;
    std::vector<std::intptr_t> order;  // empty: none
    std::vector<double> inputs, theta;
    std::vector<std::size_t> classes;  // of the samples
    bool odd;
    unsigned seed;
};

std::size_t between(std::mt19937& random, std::size_t least, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(least, most)(random);
}

template <class Kind, std::size_t N>
Chosen<Kind> any_of(std::mt19937& random, const std::string_view (&)[N]) {
    return {Kind(between(random, 0, N - 1)), {0.3, 0.9, 1e-8, 0.01}};
}

std::vector<double> drawn(std::mt19937& random, std::size_t size, double scale) {
    std::normal_distribution<double> normal(0, scale);
    std::vector<double> numbers(size);
    for (double& each : numbers) each = normal(random);
    return numbers;
}

Case make(unsigned seed) {
    std::mt19937 random(seed);
    Case made{};
    made.seed = seed;
    const bool many = seed % 10 == 0;  // samples: batches walked in chunks, outputs in several blocks
    const bool wide = seed % 10 == 1;  // a layer whose sums are made in pieces
    constexpr std::size_t WIDEST[] = {6, 12, 24, 70};  // 70, which take longest, are several panels of any vectors
    const std::size_t layers = between(random, 1, 5), widest = WIDEST[between(random, 0, 3)];
    for (std::size_t l = 0; l < layers; ++l) made.sizes.push_back(between(random, 1, widest));
    made.sizes.push_back(seed % 4 == 0 ? 1 : between(random, 1, 20));  // some losses have formulas of their own for one
    if (wide) made.sizes[between(random, 0, layers - 1)] = between(random, 257, 300);
    made.odd = between(random, 0, 1);
    Plan& plan = made.plan;
    plan.n_sizes = made.sizes.size();
    plan.hidden = any_of<Activation>(random, ACTIVATIONS);
    plan.output = any_of<Activation>(random, ACTIVATIONS);
    plan.loss = any_of<Loss>(random, LOSSES);
    if (LOSSES[int(plan.loss.kind)].find("on_logits") != std::string_view::npos)
        plan.output.kind = Activation::identity;
    plan.optimizer = any_of<Optimizer>(random, OPTIMIZERS);
    plan.n_samples = between(random, many ? 260 : 1, many ? 300 : wide ? 12 : 40);
    plan.batch_size = between(random, many ? 257 : 1, plan.n_samples);
    plan.timed = seed % 3 == 0;
    if (between(random, 0, 1)) {
        made.order.resize(plan.n_samples);
        std::iota(made.order.begin(), made.order.end(), 0);
        std::shuffle(made.order.begin(), made.order.end(), random);
    }
    made.inputs = drawn(random, plan.n_samples * made.sizes.front(), 1);
    if (seed % 10 == 2) made.inputs.front() = NAN;
    std::size_t parameters = 0;
    for (std::size_t l = 1; l < made.sizes.size(); ++l) parameters += made.sizes[l] * (made.sizes[l - 1] + 1);
    made.theta = drawn(random, parameters, 0.2);
    for (std::size_t s = 0; s < plan.n_samples; ++s) made.classes.push_back(between(random, 0, made.sizes.back() - 1));
    return made;
}

template <class T>
struct Result {
    std::vector<T> logits, theta, outputs, cost, evaluated;
};

// One epoch, and the logits after it.
template <class T>
Result<T> trained(const Target& target, const Case& given, Matmul way) {
    const std::size_t n = given.plan.n_samples, features = given.sizes.front(), outputs = given.sizes.back();
    const auto zeros = [&](std::size_t size) {
        Exact<T> array(size, given.odd);
        std::fill_n(array.data, size, T(0));
        return array;
    };
    const Exact<T> design = zeros(n * (features + 1)), theta = zeros(given.theta.size()), y = zeros(n * outputs);
    const Exact<T> logits = zeros(n * outputs), used = zeros(n * outputs), predicted = zeros(n * outputs);
    const Exact<T> first = zeros(theta.size), second = zeros(theta.size), t = zeros(1);
    for (std::size_t s = 0; s < n; ++s) {
        T* sample = design.data + s * (features + 1);
        std::copy_n(given.inputs.data() + s * features, features, sample);
        sample[features] = 1;
        y.data[given.classes[s] * n + s] = 1;
    }
    std::copy(given.theta.begin(), given.theta.end(), theta.data);
    Plan plan = given.plan;
    plan.sizes = given.sizes.data();
    plan.matmul = way;
    const bool adam = plan.optimizer.kind == Optimizer::adam || plan.optimizer.kind == Optimizer::adamw;
    const Arrays<T> arrays{design.data, y.data,    theta.data,    {first.data, second.data, adam ? t.data : nullptr},
                           logits.data, used.data, predicted.data};
    std::unique_ptr<Trainer> trainer;
    std::unique_ptr<Evaluator> evaluator;
    if constexpr (sizeof(T) == 8)
        trainer.reset(target.trainer64(plan, arrays)), evaluator.reset(target.evaluator64(plan, arrays));
    else
        trainer.reset(target.trainer32(plan, arrays)), evaluator.reset(target.evaluator32(plan, arrays));
    Never never;
    trainer->epoch(given.order.empty() ? nullptr : given.order.data(), 1e-3, never);
    Result<T> result;
    result.logits.assign(logits.data, logits.data + logits.size);
    result.outputs.assign(predicted.data, predicted.data + predicted.size);
    result.cost = {T(trainer->cost())};
    result.theta.assign(theta.data, theta.data + theta.size);
    evaluator->run(never);
    result.evaluated.assign(logits.data, logits.data + logits.size);
    return result;
}

template <class T>
bool in_range(const std::vector<T>& numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](T x) { return std::isfinite(x) && std::fabs(x) <= 1e3; });
}

// The largest difference, relative to the largest number; 0 where the numbers have left the range.
template <class T>
double apart(const std::vector<T>& a, const std::vector<T>& b) {
    double most = 0, largest = 1e-300;
    if (!in_range(b)) return 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        most = std::max(most, std::fabs(double(a[i]) - double(b[i])));
        largest = std::max(largest, std::fabs(double(b[i])));
        if (std::isnan(a[i])) return INFINITY;
    }
    return most / largest;
}

// Steps that depend on the sign of a gradient only, or nearly so, make much of rounding; so do many steps.
bool steady(const Plan& plan) {
    const bool rule = plan.optimizer.kind == Optimizer::gradient_descent || plan.optimizer.kind == Optimizer::momentum;
    return rule && plan.n_samples / plan.batch_size < 20;
}

template <class T>
bool agree(const Case& given, double tolerance) {
    const Target* plain = runnable_targets().back();
    const Result<T> right = trained<T>(*plain, given, Matmul::naive);
    const bool tells = steady(given.plan) && in_range(right.logits);  // the sine of a large logit is anything
    for (const Target* target : runnable_targets())
        for (const Matmul way : {Matmul::naive, Matmul::blocked, Matmul::simd}) {
            if (target == plain && way == Matmul::naive) continue;
            const Result<T> found = trained<T>(*target, given, way);
            const double off = std::max({apart(found.logits, right.logits), apart(found.theta, right.theta),
                                         apart(found.outputs, right.outputs), apart(found.cost, right.cost),
                                         apart(found.evaluated, right.evaluated)});
            if (tells && !(off <= tolerance)) {
                std::printf("seed %u, %s, %s, float%zu: %g apart\n", given.seed, target->name,
                            std::string(MATMULS[int(way)]).c_str(), 8 * sizeof(T), off);
                return false;
            }
        }
    return true;
}

}  // namespace

int main(int count, char** words) {
    const int number = count > 1 ? std::atoi(words[1]) : 100;
    const unsigned seed = count > 2 ? unsigned(std::atoi(words[2])) : 1;
    int failed = 0;
    for (int i = 0; i < number; ++i) {
        const Case given = make(seed + unsigned(i));
        failed += !agree<double>(given, 1e-7) + !agree<float>(given, 1e-2);
    }
    std::printf("%d trainings on", number);
    for (const Target* target : runnable_targets()) std::printf(" %s", target->name);
    std::printf(": %d differ\n", failed);
    return failed ? 1 : 0;
}
