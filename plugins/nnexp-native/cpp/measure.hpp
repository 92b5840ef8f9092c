// What an epoch's logits amount to: the outputs, which are the output activation's values, and the cost J.
//
// It is done once an epoch and not in its steps: logits lie (n_outputs, n_samples) there, so that vectors of samples
// are full also where there is one output or a step has one sample, and the sum over a sample's classes is one of
// vectors. Blocks of samples are copied to where they stay in the first cache.
#pragma once

#include "arena.hpp"
#include "objective.hpp"

namespace nnexp::NNEXP_TARGET {

// Adds up vectors in double, also those of float32, always in the same order.
template <class T>
class Sum {
public:
    void add(Vec<T> x) { lanes_ += __builtin_convertvector(x, Doubles<T>); }
    double total() const {
        double total = 0;
        for (size_t i = 0; i < LANES<T>; ++i) total += lanes_[i];
        return total;
    }

private:
    Doubles<T> lanes_{};
};

template <class T>
class Measure {
public:
    explicit Measure(const Plan& plan)
        : loss_(plan.loss), output_(output_of(plan)), count_(plan.n_samples), outputs_(plan.sizes[plan.n_sizes - 1]) {
        constexpr size_t ROOM = (1 << 14) / sizeof(T), MOST = 512 / sizeof(T);
        const size_t fitting = ROOM / outputs_ / LANES<T> * LANES<T>;
        stride_ = fitting < LANES<T> ? LANES<T> : fitting > MOST ? MOST : fitting;
    }

    void place(Arena& arena) {
        z_ = arena.take<T>(outputs_ * stride_);
        y_ = arena.take<T>(outputs_ * stride_);
        a_ = arena.take<T>(outputs_ * stride_);
        totals_ = arena.take<T>(stride_);
    }

    // The cost of all samples; `outputs` may be null. work(samples) is called after each block.
    template <class Work>
    double run(const T* logits, const T* y, T* outputs, Work work) {
        double total = 0;
        for (size_t first = 0; first < count_; first += stride_) {
            const size_t n = count_ - first < stride_ ? count_ - first : stride_;
            const Rows block{outputs_, n, rounded_up(n, LANES<T>), stride_};
            fetch(block, logits + first, z_);
            fetch(block, y + first, y_);
            predict(block);
            total += value(block);
            for (size_t j = 0; outputs && j < outputs_; ++j) copy(a_ + j * stride_, outputs + j * count_ + first, n);
            work(n);
        }
        return double(T(total)) / (double(count_) * terms_);  // infinite where T's numbers end, like NumPy's sum
    }

private:
    // The output activation: where the loss takes logits, the one of its link.
    static Chosen<Activation> output_of(const Plan& plan) {
        switch (plan.loss.kind) {
            case Loss::bce_on_logits: return {Activation::sigmoid, {}};
            case Loss::cce_on_logits:
            case Loss::smooth_cce_on_logits: return {Activation::softmax, {}};
            case Loss::focal_on_logits:
                return {plan.sizes[plan.n_sizes - 1] == 1 ? Activation::sigmoid : Activation::softmax, {}};
            case Loss::poisson_on_logits: return {Activation::exp, {}};
            default: return plan.output;
        }
    }

    // A block's rows, output by output. Where samples end within a vector, zeros follow.
    void fetch(const Rows& block, const T* from, T* to) const {
        for (size_t j = 0; j < outputs_; ++j) {
            copy(from + j * count_, to + j * stride_, block.units);
            for (size_t s = block.units; s < block.width; ++s) to[j * stride_ + s] = 0;
        }
    }

    void predict(const Rows& block) {
        if (output_.kind == Activation::softmax) return softmax_of_columns(block);
        forward(output_, block, z_, a_);
    }

    // a_j = exp(z_j - max z) / total, total = sum_j exp(z_j - max z). It leaves the totals, and z - max z in z's place.
    void softmax_of_columns(const Rows& block) {
        using V = Vec<T>;
        for (size_t s = 0; s < block.width; s += LANES<T>) {
            V most = load(z_ + s), total{};
            each_output([&](size_t at) {
                const V here = load(z_ + at + s);
                most = here > most ? here : most;  // NaN is left to the sum
            });
            each_output([&](size_t at) {
                const V shifted = load(z_ + at + s) - most, e = exp(shifted);
                store(z_ + at + s, shifted);
                store(a_ + at + s, e);
                total += e;
            });
            store(totals_ + s, total);
            const V inverse = T(1) / total;
            each_output([&](size_t at) { store(a_ + at + s, load(a_ + at + s) * inverse); });
        }
    }

    // What the block adds to the sum of all samples; the mean is over `terms_` numbers a sample.
    __attribute__((noinline)) double value(const Rows& block) {  // no part of an epoch's other loops
        using V = Vec<T>;
        Sum<T> sum;
        const Mask<V> inside = first_lanes<V>(block.units - (block.width - LANES<T>));  // of the last vector
        const auto add = [&](size_t s, V x) { sum.add(s + LANES<T> <= block.units ? x : inside ? x : V{}); };
        const bool done = with_residual<T>(loss_, outputs_, [&](auto f, size_t terms) {
            terms_ = double(terms);
            const T* p = takes_logits(loss_.kind) ? z_ : a_;
            for (size_t j = 0; j < outputs_; ++j)
                for (size_t s = 0; s < block.width; s += LANES<T>)
                    add(s, f.value(load(p + j * stride_ + s), load(y_ + j * stride_ + s)));
        });
        if (!done)
            for (size_t s = 0; s < block.width; s += LANES<T>) add(s, of_classes(s));
        return sum.total();
    }

    // J of a vector of samples, of a loss that takes all their outputs.
    Vec<T> of_classes(size_t s) const {
        const Focal focal{loss_.numbers[0], loss_.numbers[1]};
        switch (loss_.kind) {
            case Loss::cce_on_logits: return cross_entropy(s, 0);
            case Loss::smooth_cce_on_logits: return cross_entropy(s, loss_.numbers[0]);
            case Loss::hinge: return hinge_value(outputs_, a_ + s, y_ + s, stride_);
            case Loss::focal:
                return each_lane([&](size_t i) { return focal.value(outputs_, a_ + s + i, y_ + s + i, stride_); });
            case Loss::focal_on_logits:
                return each_lane(
                    [&](size_t i) { return focal.value_on_logits(outputs_, z_ + s + i, y_ + s + i, stride_); });
            default: return Vec<T>{};
        }
    }

    // sum_k t_k (log(total) - (z_k - max z)), t = (1 - smoothing) y + smoothing / n_outputs, after softmax_of_columns.
    Vec<T> cross_entropy(size_t s, double smoothing) const {
        const T kept = T(1 - smoothing), spread_ = T(smoothing / double(outputs_));
        const Vec<T> log_total = log(load(totals_ + s));
        Vec<T> sum{};
        each_output([&](size_t at) { sum += (kept * load(y_ + at + s) + spread_) * (log_total - load(z_ + at + s)); });
        return sum;
    }

    template <class Use>
    void each_output(Use use) const {
        for (size_t j = 0; j < outputs_; ++j) use(j * stride_);
    }

    template <class Use>
    static Vec<T> each_lane(Use use) {
        Vec<T> found{};
        for (size_t i = 0; i < LANES<T>; ++i) found[i] = T(use(i));
        return found;
    }

    Chosen<Loss> loss_;
    Chosen<Activation> output_;
    size_t count_, outputs_, stride_;
    double terms_ = 1;
    T *z_ = nullptr, *y_ = nullptr, *a_ = nullptr, *totals_ = nullptr;
};

}  // namespace nnexp::NNEXP_TARGET
