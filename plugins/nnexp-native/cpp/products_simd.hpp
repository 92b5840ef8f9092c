// The same three products by tiles of the result that stay in registers while a long sum runs (Goto and van de Geijn,
// 2008).
//
// A tile is ROWS x VECTORS vectors. Each step of the sum loads VECTORS vectors and ROWS single numbers, and makes
// ROWS * VECTORS multiply-adds of them: twelve, where there is enough to do, so that none waits for the one before.
#pragma once

#include "layer.hpp"

namespace nnexp::NNEXP_TARGET::simd {

// Independent sums that a small tile is split into, so that enough multiply-adds are under way.
constexpr size_t parts_of(size_t rows, size_t vectors) { return rows * vectors >= 8 ? 1 : rows * vectors >= 4 ? 2 : 4; }

constexpr size_t most_rows(size_t vectors) { return vectors == 3 ? 4 : 6; }

template <size_t N>
struct Number {
    static constexpr size_t value = N;
};

enum class Kind { FORWARD, GRADIENT };

// One product with a panel of weights or of their gradient:
//   FORWARD   out(r, j) = start(r, j) + sum over i of left[r][i] right[i][j]   left, out: samples in rows; right: the
//   panel GRADIENT  out(r, j) = start(r, j) + sum over i of left[i][r] right[i][j]   left, right: samples in rows; out:
//   the panel
template <class T, Kind KIND>
struct Product {
    using V = Vec<T>;

    size_t n;  // what is summed over
    const T* left;
    size_t left_stride;
    const T* right;
    const T* start;  // null: 0
    size_t start_stride;
    T* out;
    size_t stride;  // of the rows of samples in right or out

    template <size_t ROWS, size_t VECTORS>
    inline __attribute__((always_inline)) void tile(size_t row) const {
        constexpr bool GRADIENT = KIND == Kind::GRADIENT;
        constexpr size_t WIDTH = VECTORS * LANES<T>, PARTS = parts_of(ROWS, VECTORS), STEPS = 4;
        const size_t samples_stride = stride, next_i = GRADIENT ? left_stride : 1, next_r = GRADIENT ? 1 : left_stride;
        const size_t next_right = GRADIENT ? samples_stride : WIDTH, next_out = GRADIENT ? WIDTH : samples_stride;
        const T *l = left + row * next_r, *r = right;

        V part[PARTS][ROWS][VECTORS] = {};
        const auto add_one = [&](V(&sum)[ROWS][VECTORS]) __attribute__((always_inline)) {
            V here[VECTORS];
#pragma GCC unroll 4
            for (size_t v = 0; v < VECTORS; ++v) here[v] = load(r + v * LANES<T>);
#pragma GCC unroll 8
            for (size_t k = 0; k < ROWS; ++k) {
                const V factor = spread<V>(l[k * next_r]);
#pragma GCC unroll 4
                for (size_t v = 0; v < VECTORS; ++v) sum[k][v] += factor * here[v];
            }
            l += next_i;
            r += next_right;
        };
        size_t i = n;
        for (; i >= STEPS; i -= STEPS)
#pragma GCC unroll 8
            for (size_t p = 0; p < STEPS; ++p) add_one(part[p % PARTS]);
        for (; i > 0; --i) add_one(part[0]);

        const T* from = start ? start + row * start_stride : nullptr;
        const size_t next_start = start_stride;
        T* to = out + row * next_out;
#pragma GCC unroll 8
        for (size_t k = 0; k < ROWS; ++k)
#pragma GCC unroll 4
            for (size_t v = 0; v < VECTORS; ++v) {
                V sum = part[0][k][v];
                if constexpr (PARTS == 2) sum += part[1][k][v];
                if constexpr (PARTS == 4) sum = (sum + part[1][k][v]) + (part[2][k][v] + part[3][k][v]);
                part[0][k][v] = sum;
            }
        if (from)
#pragma GCC unroll 8
            for (size_t k = 0; k < ROWS; ++k)
#pragma GCC unroll 4
                for (size_t v = 0; v < VECTORS; ++v) part[0][k][v] += load(from + k * next_start + v * LANES<T>);
#pragma GCC unroll 8
        for (size_t k = 0; k < ROWS; ++k)
#pragma GCC unroll 4
            for (size_t v = 0; v < VECTORS; ++v) store(to + k * next_out + v * LANES<T>, part[0][k][v]);
    }

    template <size_t VECTORS>
    void tiles(size_t row, size_t height, size_t count) const {
        const Product my = *this;  // a copy: what is stored cannot change it
        const auto all = [&](auto rows) {
            for (size_t t = 0; t < count; ++t) my.template tile<decltype(rows)::value, VECTORS>(row + t * height);
        };
        switch (height) {
            case 1: return all(Number<1>{});
            case 2: return all(Number<2>{});
            case 3: return all(Number<3>{});
            case 4: return all(Number<4>{});
            case 5:
                if constexpr (most_rows(VECTORS) >= 5) return all(Number<5>{});
            case 6:
                if constexpr (most_rows(VECTORS) >= 6) return all(Number<6>{});
        }
    }

    // All rows, in tiles of about equal height: none is left with a row or two that cannot keep the processor busy.
    template <size_t VECTORS>
    void panel(size_t rows) const {
        const size_t count = (rows + most_rows(VECTORS) - 1) / most_rows(VECTORS);
        const size_t height = rows / count, higher = rows % count;
        tiles<VECTORS>(0, height + 1, higher);
        tiles<VECTORS>(higher * (height + 1), height, count - higher);
    }

    void run(size_t rows, size_t width) const {
        switch (width / LANES<T>) {
            case 1: return panel<1>(rows);
            case 2: return panel<2>(rows);
            case 3: return panel<3>(rows);
        }
    }
};

inline constexpr size_t LONGEST_SUM = 256;  // rows of a panel that stay in the first cache

// Z = b + A Wt, panel by panel; long sums in pieces.
template <class T>
void multiply(const Panels<T>& weights, size_t depth, const T* w, const T* bias_row, Input<T> a, size_t samples, T* z,
              size_t stride) {
    for (size_t k = 0; k < depth || k == 0; k += LONGEST_SUM) {
        const size_t n = depth - k < LONGEST_SUM ? depth - k : LONGEST_SUM;
        for (size_t p = 0; p < weights.panels; ++p) {
            const size_t width = weights.width_of(p), first = weights.first_column(p);
            const T* panel = w + weights.start_of(p);
            const T* start = k ? z + first : bias_row ? panel + depth * width : nullptr;
            const Product<T, Kind::FORWARD> product{n,     a.data + k,     a.stride,  panel + k * width,
                                                    start, k ? stride : 0, z + first, stride};
            product.run(samples, width);
        }
    }
}

template <class T>
void forward(const Layer<T>& layer, const T* w, Input<T> a, size_t samples, T* z) {
    multiply(layer.weights, layer.n_in, w, w, a, samples, z, layer.stride);
}

// W^T is kept beside: below = delta W.
template <class T>
void backward(const Layer<T>& layer, const T* w, const T* delta, size_t samples, T* below, size_t stride) {
    multiply(layer.transposed, layer.n_out, w, static_cast<const T*>(nullptr), Input<T>{delta, layer.stride}, samples,
             below, stride);
}

// Inputs whose gradients are made at a time: their part of the samples stays in the first cache.
template <class T>
inline constexpr size_t BLOCK = 192 / sizeof(T);

// grad = A^T delta, block by block of the inputs, and the sum of delta for the biases.
template <class T>
void gradient(const Layer<T>& layer, Input<T> a, size_t samples, const T* delta, T* grad, bool add) {
    using V = Vec<T>;
    for (size_t k = 0; k < layer.n_in; k += BLOCK<T>) {
        const size_t inputs = layer.n_in - k < BLOCK<T> ? layer.n_in - k : BLOCK<T>;
        for (size_t p = 0; p < layer.weights.panels; ++p) {
            const size_t width = layer.weights.width_of(p), first = layer.weights.first_column(p);
            T* out = grad + layer.weights.start_of(p) + k * width;
            const Product<T, Kind::GRADIENT> product{
                samples, a.data + k, a.stride, delta + first, add ? out : nullptr, width, out, layer.stride};
            product.run(inputs, width);
        }
    }
    for (size_t p = 0; p < layer.weights.panels; ++p) {
        const size_t width = layer.weights.width_of(p), first = layer.weights.first_column(p);
        T* bias = grad + layer.weights.start_of(p) + layer.n_in * width;
        for (size_t j = 0; j < width; j += LANES<T>) {
            V sum = add ? load(bias + j) : V{};
            for (size_t s = 0; s < samples; ++s) sum += load(delta + s * layer.stride + first + j);
            store(bias + j, sum);
        }
    }
}

}  // namespace nnexp::NNEXP_TARGET::simd
