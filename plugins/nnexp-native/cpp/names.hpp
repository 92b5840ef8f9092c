// What the plan's choices are called, in Python and in messages.
#pragma once

#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plan.hpp"

namespace nnexp {

// In the order of the enumerators in plan.hpp.
inline constexpr std::string_view ACTIVATIONS[] = {
    "identity", "relu", "leaky_relu", "sigmoid", "tanh",     "softmax",   "exp",          "elu",  "selu",
    "softplus", "silu", "gelu",       "mish",    "softsign", "hard_tanh", "hard_sigmoid", "sine",
};
inline constexpr std::string_view LOSSES[] = {
    "mse",
    "mae",
    "huber",
    "log_cosh",
    "quantile",
    "bce",
    "bce_on_logits",
    "cce",
    "cce_on_logits",
    "smooth_cce",
    "smooth_cce_on_logits",
    "focal",
    "focal_on_logits",
    "hinge",
    "squared_hinge",
    "poisson",
    "poisson_on_logits",
};
inline constexpr std::string_view OPTIMIZERS[] = {"gradient_descent", "momentum", "nesterov", "adagrad",
                                                  "rmsprop",          "adam",     "adamw"};
inline constexpr std::string_view MATMULS[] = {"naive", "blocked", "simd"};

static_assert(std::size(ACTIVATIONS) == std::size_t(Activation::sine) + 1);
static_assert(std::size(LOSSES) == std::size_t(Loss::poisson_on_logits) + 1);
static_assert(std::size(OPTIMIZERS) == std::size_t(Optimizer::adamw) + 1);
static_assert(std::size(MATMULS) == std::size_t(Matmul::simd) + 1);

template <class Kind, std::size_t N>
Kind named(const std::string_view (&names)[N], std::string_view name) {
    for (std::size_t i = 0; i < N; ++i)
        if (names[i] == name) return Kind(i);
    throw std::invalid_argument("there is no formula called " + std::string(name));
}

}  // namespace nnexp
