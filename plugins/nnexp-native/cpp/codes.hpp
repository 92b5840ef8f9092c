// The plugins that there is code for, by number. nnexp_native/known.py has the same tables, by the plugins' classes.
#pragma once

namespace nnexp {

enum class Activation : int {
    identity, sigmoid, tanh, relu, leaky_relu, softmax,                                       // nnexp
    elu, selu, gelu, silu, mish, softplus, softsign, hard_sigmoid, hard_tanh, sine,           // nnexp-activations
    exp,                                                                                      // nnexp-losses
};

enum class Loss : int {
    mse, mae, bce, cce,                                                                       // nnexp
    bce_on_logits, cce_on_logits,                                                             // their closed forms
    huber, log_cosh, quantile, poisson, hinge, squared_hinge, focal, smooth_cce,              // nnexp-losses
    poisson_on_logits, focal_on_logits, smooth_cce_on_logits,
};

enum class Optimizer : int {
    descent,                                                                                  // batch, minibatch, sgd
    momentum, nesterov, adagrad, rmsprop, adam, adamw,                                        // nnexp-optimizers
};

enum class Product : int { naive, blocked, simd };

// A plugin, and its fields in the order of known.py.
template <class Code>
struct Plugin {
    Code code;
    double field[4];
};

}  // namespace nnexp
