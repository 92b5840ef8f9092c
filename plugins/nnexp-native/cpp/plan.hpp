// What is to be trained, in plain numbers and pointers: all that the door to Python and the compiled targets share.
// Nothing here depends on an instruction set, so nothing here may be an inline function of the standard library's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnexp {

enum class Activation {
    identity,
    relu,
    leaky_relu,
    sigmoid,
    tanh,
    softmax,
    exp,
    elu,
    selu,
    softplus,
    silu,
    gelu,
    mish,
    softsign,
    hard_tanh,
    hard_sigmoid,
    sine,
};
enum class Loss {
    mse,
    mae,
    huber,
    log_cosh,
    quantile,
    bce,
    bce_on_logits,
    cce,
    cce_on_logits,
    smooth_cce,
    smooth_cce_on_logits,
    focal,
    focal_on_logits,
    hinge,
    squared_hinge,
    poisson,
    poisson_on_logits,
};
enum class Optimizer { gradient_descent, momentum, nesterov, adagrad, rmsprop, adam, adamw };
enum class Matmul { naive, blocked, simd };

// A plugin: which formula, and its numbers (alpha, delta, beta1, ...) in the order of its fields.
template <class Kind>
struct Chosen {
    Kind kind;
    double numbers[4];
};

struct Plan {
    const std::size_t* sizes;  // units of each layer, the inputs first
    std::size_t n_sizes;
    Chosen<Activation> hidden, output;  // output is identity where the loss takes logits
    Chosen<Loss> loss;
    Chosen<Optimizer> optimizer;
    Matmul matmul;
    std::size_t n_samples, batch_size;  // 1 <= batch_size <= n_samples
    bool timed;                         // count the seconds spent in matrix products
};

// The caller's arrays, in the order of NumPy's engine; T is float or double.
template <class T>
struct Arrays {
    const T* design;  // (n_samples, n_features + 1), a last column of ones
    const T* y;       // (n_outputs, n_samples)
    T* theta;         // layer by layer [W b] (n_out, n_in + 1)
    T* state[3];      // the optimizer's memory, in the order of optimizers.hpp
    T* logits;        // (n_outputs, n_samples), written by an epoch
    T* y_used;        // the same of the targets, in the order of the samples
    T* outputs;       // the same of the output activation's values; null where nobody asks for them
};

// Asked every few milliseconds; throws where the epoch is to end.
class Poll {
public:
    virtual void check() = 0;

protected:
    ~Poll() = default;
};

class Trainer {
public:
    virtual ~Trainer();
    // One pass over the samples; order is n_samples indices below n_samples, or null for 0, 1, 2, ...
    virtual void epoch(const std::intptr_t* order, double learning_rate, Poll& poll) = 0;
    virtual double cost() const = 0;  // of the last epoch's logits and targets
    virtual double product_seconds() const = 0;
};

class Evaluator {
public:
    virtual ~Evaluator();
    // Write the logits of all samples, with theta as it is now.
    virtual void run(Poll& poll) = 0;
};

// What a compiled target offers; the objects are made by new.
struct Target {
    const char* name;
    std::size_t vector_bytes;
    Trainer* (*trainer64)(const Plan&, const Arrays<double>&);
    Trainer* (*trainer32)(const Plan&, const Arrays<float>&);
    Evaluator* (*evaluator64)(const Plan&, const Arrays<double>&);
    Evaluator* (*evaluator32)(const Plan&, const Arrays<float>&);
    void (*elementary64)(const char* name, const double* x, double* out, std::size_t n);  // for the tests
    void (*elementary32)(const char* name, const float* x, float* out, std::size_t n);
};

double seconds();  // of a clock that never goes back

}  // namespace nnexp
