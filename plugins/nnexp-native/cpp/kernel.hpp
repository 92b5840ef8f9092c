// What the door knows of a training: its plan, its arrays, and a runner made for one instruction set.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "codes.hpp"

namespace nnexp {

using Index = std::int64_t;

// Called every now and then during an epoch; what it throws ends the epoch.
using Pause = std::function<void()>;

struct Plan {
    std::vector<Index> sizes;  // units of each layer, the inputs first
    Plugin<Activation> hidden, output;
    Plugin<Loss> loss;
    Plugin<Optimizer> optimizer;
    Index n_samples;
    Index batch;  // samples a step
    Product product;
    bool timed;
};

// The caller's arrays. design (n_samples, n_features + 1) has a last column of ones; y, logits and y_used are (n_outputs,
// n_samples); theta is flat, layer by layer [W b] (n_out, n_in + 1); so are the optimizer's memories. A state that it does not
// have is null.
template <class T>
struct Arrays {
    const T* design;
    const T* y;
    T* theta;
    T* state[2];
    T* steps;  // the number of steps so far
    T* logits;
    T* y_used;
};

class Runner {
public:
    virtual ~Runner() = default;
    // Train one epoch; order is the samples', or null for as they are.
    virtual void run(const Index* order, double learning_rate, const Pause& pause) = 0;
    double product_seconds = 0;
};

// The logits (n_outputs, n_samples) of a design matrix.
class Evaluator {
public:
    virtual ~Evaluator() = default;
    virtual void run(const Pause& pause) = 0;
};

// What one instruction set offers.
struct Kernel {
    const char* name;
    bool (*supported)();
    std::unique_ptr<Runner> (*runner64)(const Plan&, const Arrays<double>&);
    std::unique_ptr<Runner> (*runner32)(const Plan&, const Arrays<float>&);
    std::unique_ptr<Evaluator> (*evaluator64)(const Plan&, const Arrays<double>&);
    std::unique_ptr<Evaluator> (*evaluator32)(const Plan&, const Arrays<float>&);
};

// All that were compiled, the best last.
const std::vector<Kernel>& kernels();

}  // namespace nnexp
