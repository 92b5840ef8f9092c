// An epoch: the batches in their order, for each its gradient and the optimizer's step.
//
// A batch that is larger than a chunk is walked chunk by chunk, and the gradients of the chunks are summed: the same mean, in
// little memory, and a pause in between for what wants to interrupt.
#pragma once

#include <algorithm>

#include "network.hpp"
#include "optimizers.hpp"

namespace nnexp::NNEXP_TARGET {

using Clock = std::chrono::steady_clock;

// Calls the caller's `pause` about every 50 ms; the clock is looked at only after some work.
class Breath {
public:
    explicit Breath(const Pause& pause) : pause_(pause), last_(Clock::now()) {}

    void worked(Index products) {
        if ((done_ += products) < 1'000'000) return;
        done_ = 0;
        const auto now = Clock::now();
        if (now - last_ < std::chrono::milliseconds(50)) return;
        pause_();
        last_ = Clock::now();
    }

private:
    const Pause& pause_;
    Clock::time_point last_;
    Index done_ = 0;
};

// Samples at a time: enough for the products, few enough for the cache and for a pause within a second.
inline Index chunk_of(Index batch, Index parameters) {
    constexpr Index most = 256, products = 500'000'000;
    return std::clamp(products / (3 * parameters), Index(1), std::min(batch, most));
}

inline Index parameters_of(const Plan& plan) {
    Index count = 0;
    for (std::size_t l = 1; l < plan.sizes.size(); ++l) count += (plan.sizes[l - 1] + 1) * plan.sizes[l];
    return count;
}

template <class T>
class EpochRunner final : public Runner {
public:
    EpochRunner(const Plan& given, const Arrays<T>& arrays)
        : plan_(given), at_(arrays), network_(plan_, chunk_of(plan_.batch, parameters_of(plan_))), width_(plan_.sizes[0] + 1),
          units_(plan_.sizes.back()), wide_(padded<T>(units_)) {
        lay_out();
        arena_.allocate();
        lay_out();
        for (Index o = 0; o < units_; ++o)
            for (Index s = 0; s < plan_.n_samples; ++s) targets_[s * wide_ + o] = at_.y[o * plan_.n_samples + s];
    }

    // Where `pause` throws, theta and the state are as they were before the epoch.
    void run(const Index* order, double learning_rate, const Pause& pause) override {
        Breath breath(pause);
        Memory<T> memory{network_.total, network_.theta, network_.grad, {state_[0], state_[1]}, at_.steps ? *at_.steps : 0.0};
        network_.pack(at_.theta, network_.theta);
        for (int i = 0; i < 2; ++i)
            if (at_.state[i]) network_.pack(at_.state[i], state_[i]);
        for (Index start = 0; start < plan_.n_samples; start += plan_.batch) {
            const Index m = std::min(plan_.batch, plan_.n_samples - start);
            network_.transpose();
            // Plain descent of one chunk needs no gradient: with -rate as a factor it is the step, and is added to theta.
            const bool direct = plan_.optimizer.code == Optimizer::descent && m <= network_.capacity;
            const double factor = (direct ? -learning_rate : 1.0) / double(m);
            for (Index done = 0; done < m; done += network_.capacity) {
                const Index here = std::min(network_.capacity, m - done);
                chunk(order, start + done, here, factor, direct ? network_.theta : network_.grad, direct || done > 0);
                breath.worked(3 * here * network_.work);
            }
            if (!direct) update<T>(plan_.optimizer, memory, learning_rate);
        }
        network_.unpack(network_.theta, at_.theta);
        for (int i = 0; i < 2; ++i)
            if (at_.state[i]) network_.unpack(state_[i], at_.state[i]);
        if (at_.steps) *at_.steps = T(memory.steps);
        product_seconds = network_.product_seconds;
    }

private:
    void lay_out() {
        const Index capacity = network_.capacity;
        network_.lay_out(arena_, true);
        for (int i = 0; i < 2; ++i) state_[i] = at_.state[i] ? arena_.part<T>(network_.total) : nullptr;
        targets_ = arena_.part<T>(plan_.n_samples * wide_);
        gathered_ = arena_.part<T>(capacity * spread<T>(width_));
        gathered_y_ = arena_.part<T>(capacity * wide_);
    }

    void chunk(const Index* order, Index first, Index m, double factor, T* to, bool add) {
        Rows<const T> x{at_.design + first * width_, width_};
        const T* y = targets_ + first * wide_;
        if (order && m == 1) {
            x.at = at_.design + order[first] * width_;
            y = targets_ + order[first] * wide_;
        } else if (order) {
            gather(order + first, m);
            x = {gathered_, spread<T>(width_)};
            y = gathered_y_;
        }
        write(network_.forward(x, m), m, at_.logits + first);
        if (order) write(y, m, at_.y_used + first);
        network_.backward(x, m, y, factor, to, add);
    }

    void gather(const Index* order, Index m) {
        for (Index s = 0; s < m; ++s) {
            std::memcpy(gathered_ + s * spread<T>(width_), at_.design + order[s] * width_, std::size_t(width_) * sizeof(T));
            std::memcpy(gathered_y_ + s * wide_, targets_ + order[s] * wide_, std::size_t(wide_) * sizeof(T));
        }
    }

    // Rows of samples into the columns of (n_outputs, n_samples).
    void write(const T* rows, Index m, T* to) const {
        for (Index o = 0; o < units_; ++o)
            for (Index s = 0; s < m; ++s) to[o * plan_.n_samples + s] = rows[s * wide_ + o];
    }

    const Plan plan_;
    const Arrays<T> at_;
    Network<T> network_;
    const Index width_, units_, wide_;
    Arena arena_;
    T* state_[2];
    T* targets_ = nullptr;     // (n_samples, n_outputs padded)
    T* gathered_ = nullptr;    // a chunk's samples
    T* gathered_y_ = nullptr;  // and their targets
};

template <class T>
class LogitsOf final : public Evaluator {
public:
    LogitsOf(const Plan& given, const Arrays<T>& arrays)
        : plan_(given), at_(arrays), network_(plan_, chunk_of(plan_.n_samples, parameters_of(plan_))) {
        network_.lay_out(arena_, false);
        arena_.allocate();
        network_.lay_out(arena_, false);
    }

    void run(const Pause& pause) override {
        Breath breath(pause);
        const Index n = plan_.n_samples, width = plan_.sizes[0] + 1, units = plan_.sizes.back(), wide = padded<T>(units);
        network_.pack(at_.theta, network_.theta);
        for (Index first = 0; first < n; first += network_.capacity) {
            const Index m = std::min(network_.capacity, n - first);
            const T* const z = network_.forward({at_.design + first * width, width}, m);
            for (Index o = 0; o < units; ++o)
                for (Index s = 0; s < m; ++s) at_.logits[o * n + first + s] = z[s * wide + o];
            breath.worked(m * network_.work);
        }
    }

private:
    const Plan plan_;
    const Arrays<T> at_;
    Network<T> network_;
    Arena arena_;
};

}  // namespace nnexp::NNEXP_TARGET
