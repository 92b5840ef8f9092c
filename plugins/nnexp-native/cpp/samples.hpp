// The samples: chunks of them gathered into rows, their targets, and the logits on their way back to the caller.
#pragma once

#include "arena.hpp"
#include "layer.hpp"
#include "plan.hpp"

namespace nnexp::NNEXP_TARGET {

// Rows of a chunk: all that a chunk needs should stay in the second cache.
inline constexpr size_t CHUNK_BYTES = 1 << 18;
inline constexpr size_t LEAST_CHUNK = 64, MOST_CHUNK = 256;
// Multiply-adds of a chunk at most, so that a signal is noticed: half a second, or so.
inline constexpr double MOST_WORK[] = {2e8, 4e8, 4e9};  // naive, blocked, simd

// How many samples are walked at a time; a batch of more is walked in chunks, whose gradients are added up.
template <class T>
size_t chunk_of(const Plan& plan, size_t batch_size) {
    double row = double(plan.sizes[0]), weights = 0;
    for (size_t l = 1; l < plan.n_sizes; ++l) {
        row += 3 * double(plan.sizes[l]);
        weights += double(plan.sizes[l]) * (double(plan.sizes[l - 1]) + 1);
    }
    double rows = CHUNK_BYTES / (row * sizeof(T));
    rows = rows < LEAST_CHUNK ? LEAST_CHUNK : rows > MOST_CHUNK ? MOST_CHUNK : rows;
    const double allowed = MOST_WORK[int(plan.matmul)] / weights;
    rows = rows > allowed ? allowed : rows;
    if (rows >= double(batch_size)) return batch_size;
    const size_t most = rows < 1 ? 1 : size_t(rows), chunks = (batch_size + most - 1) / most;
    return (batch_size + chunks - 1) / chunks;  // about equal ones
}

template <class T>
class Samples {
public:
    Samples(const Plan& plan, const Arrays<T>& arrays)
        : count_(plan.n_samples), features_(plan.sizes[0]), outputs_(plan.sizes[plan.n_sizes - 1]), arrays_(arrays) {}

    void place(Arena& arena, size_t chunk, bool trains) {
        stride_ = row_stride<T>(rounded_up(features_, LANES<T>));
        x_ = trains ? arena.take<T>(stride_ * chunk) : nullptr;
        y_stride_ = row_stride<T>(rounded_up(outputs_, LANES<T>));
        y_ = trains ? arena.take<T>(y_stride_ * chunk) : nullptr;
        targets_ = trains ? arena.take<T>(count_ * outputs_) : nullptr;
    }

    // Keep the targets sample by sample, to be gathered from.
    void keep_targets() {
        for (size_t j = 0; j < outputs_; ++j)
            for (size_t s = 0; s < count_; ++s) targets_[s * outputs_ + j] = arrays_.y[j * count_ + s];
    }

    // The samples first ... first + n of the order. Samples that lie together already are read where they are.
    Input<T> inputs(const std::intptr_t* order, size_t first, size_t n) {
        const size_t row = features_ + 1;
        if (!order) return {arrays_.design + first * row, row};
        if (n == 1) return {arrays_.design + size_t(order[first]) * row, row};
        for (size_t s = 0; s < n; ++s) {
            if (s + AHEAD < n) prefetch(arrays_.design + size_t(order[first + s + AHEAD]) * row);
            copy(arrays_.design + size_t(order[first + s]) * row, x_ + s * stride_, features_);
        }
        return {x_, stride_};
    }

    // Their targets in rows like the logits', and in the caller's y_used.
    const T* targets(const std::intptr_t* order, size_t first, size_t n) {
        const size_t outputs = outputs_;
        for (size_t s = 0; s < n; ++s) {
            const T* from = targets_ + (order ? size_t(order[first + s]) : first + s) * outputs;
            T *to = y_ + s * y_stride_, *used = arrays_.y_used + first + s;
            for (size_t j = 0; j < outputs; ++j) to[j] = used[j * count_] = from[j];
        }
        return y_;
    }

    // Rows to the caller's (n_outputs, n_samples).
    void to_caller(const T* rows, size_t first, size_t n, T* out) const {
        const size_t outputs = outputs_, count = count_, stride = y_stride_;
        for (size_t s = 0; s < n; ++s)
            for (size_t j = 0; j < outputs; ++j) out[j * count + first + s] = rows[s * stride + j];
    }

private:
    static constexpr size_t AHEAD =
        4;  // samples: they lie anywhere in memory, and are asked for before they are needed

    void prefetch(const T* sample) const {
        constexpr size_t LINE = 64 / sizeof(T), MOST = 16 * LINE;  // of a long row the processor guesses the rest
        for (size_t k = 0; k < features_ && k < MOST; k += LINE) __builtin_prefetch(sample + k);
    }

    size_t count_, features_, outputs_, stride_ = 0, y_stride_ = 0;
    Arrays<T> arrays_;
    T *x_ = nullptr, *y_ = nullptr, *targets_ = nullptr;
};

}  // namespace nnexp::NNEXP_TARGET
