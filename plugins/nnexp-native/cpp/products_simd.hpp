// The same three products by tiles of the result that stay in registers while a long sum runs (Goto and van de Geijn, 2008).
//
// A tile is ROWS x VECTORS vectors. Each step of the sum loads VECTORS vectors and ROWS single numbers, and makes
// ROWS * VECTORS multiply-adds of them: twelve, where there is enough to do, so that none waits for the one before.
#pragma once

#include "layer.hpp"

namespace nnexp::NNEXP_TARGET::simd {

// Independent sums that a small tile is split into, so that enough multiply-adds are under way.
constexpr size_t parts_of(size_t rows, size_t vectors) { return rows * vectors >= 8 ? 1 : rows * vectors >= 4 ? 2 : 4; }

constexpr size_t most_rows(size_t vectors) { return vectors == 3 ? 4 : 6; }

// sum[r][v] = sum over i < n of left[i * i_step + r * r_step] right[i * right_step + vector v]
template <class T, size_t ROWS, size_t VECTORS>
inline void accumulate(Vec<T> (&sum)[ROWS][VECTORS], size_t n, const T* left, size_t i_step, size_t r_step, const T* right,
                       size_t right_step) {
    using V = Vec<T>;
    constexpr size_t PARTS = parts_of(ROWS, VECTORS);
    V part[PARTS][ROWS][VECTORS] = {};
    const auto add_one = [&](V (&to)[ROWS][VECTORS], size_t i) __attribute__((always_inline)) {
        V here[VECTORS];
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; ++v) here[v] = load(right + i * right_step + v * LANES<T>);
#pragma GCC unroll 8
        for (size_t r = 0; r < ROWS; ++r) {
            const V factor = spread<V>(left[i * i_step + r * r_step]);
#pragma GCC unroll 4
            for (size_t v = 0; v < VECTORS; ++v) to[r][v] += factor * here[v];
        }
    };
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
#pragma GCC unroll 4
        for (size_t p = 0; p < PARTS; ++p) add_one(part[p], i + p);
    for (; i < n; ++i) add_one(part[0], i);
#pragma GCC unroll 8
    for (size_t r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; ++v) {
            if constexpr (PARTS == 4) sum[r][v] = (part[0][r][v] + part[1][r][v]) + (part[2][r][v] + part[3][r][v]);
            else if constexpr (PARTS == 2) sum[r][v] = part[0][r][v] + part[1][r][v];
            else sum[r][v] = part[0][r][v];
        }
}

// A product's operands, as a tile wants them: out (rows, columns of a panel) = start + left right.
template <class T> struct Product {
    size_t n;                    // what is summed over
    const T* left;               // left(i, r) = left[i * i_step + r * r_step]
    size_t i_step, r_step;
    const T* right;              // right(i, column) = right[i * right_step + column]
    size_t right_step;
    const T* start;              // start(r, column) = start[r * start_step + column]; null: 0
    size_t start_step;
    T* out;
    size_t out_step;

    template <size_t ROWS, size_t VECTORS> void tile(size_t row) const {
        Vec<T> sum[ROWS][VECTORS];
        accumulate<T, ROWS, VECTORS>(sum, n, left + row * r_step, i_step, r_step, right, right_step);
#pragma GCC unroll 8
        for (size_t r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (size_t v = 0; v < VECTORS; ++v) {
                const size_t column = v * LANES<T>;
                const Vec<T> before = start ? load(start + (row + r) * start_step + column) : Vec<T>{};
                store(out + (row + r) * out_step + column, sum[r][v] + before);
            }
    }

    // All rows, in tiles of about equal height: none is left with a row or two that cannot keep the processor busy.
    template <size_t VECTORS> void panel(size_t rows) const {
        constexpr size_t MOST = most_rows(VECTORS);
        size_t row = 0;
        for (size_t tiles = (rows + MOST - 1) / MOST; tiles > 0; --tiles) {
            const size_t height = (rows - row + tiles - 1) / tiles;
            switch (height) {
                case 1: tile<1, VECTORS>(row); break;
                case 2: tile<2, VECTORS>(row); break;
                case 3: tile<3, VECTORS>(row); break;
                case 4: tile<4, VECTORS>(row); break;
                case 5: if constexpr (MOST >= 5) tile<5, VECTORS>(row); break;
                case 6: if constexpr (MOST >= 6) tile<6, VECTORS>(row); break;
            }
            row += height;
        }
    }

    void run(size_t rows, size_t vectors) const {
        switch (vectors) {
            case 1: return panel<1>(rows);
            case 2: return panel<2>(rows);
            case 3: return panel<3>(rows);
        }
    }
};

inline constexpr size_t LONGEST_SUM = 256;  // rows of a panel that stay in the first cache

// Z = b + A Wt, panel by panel; long sums in pieces.
template <class T>
void multiply(const Panels<T>& weights, size_t depth, const T* w, const T* bias_row, Input<T> a, size_t samples, T* z, size_t stride) {
    for (size_t k = 0; k < depth || k == 0; k += LONGEST_SUM) {
        const size_t n = depth - k < LONGEST_SUM ? depth - k : LONGEST_SUM;
        for (size_t p = 0; p < weights.panels; ++p) {
            const size_t width = weights.width_of(p), first = weights.first_column(p);
            const T* panel = w + weights.start_of(p);
            const T* start = k ? z + first : bias_row ? panel + depth * width : nullptr;
            const Product<T> product{n, a.data + k, 1, a.stride, panel + k * width, width, start, k ? stride : 0,
                                     z + first, stride};
            product.run(samples, width / LANES<T>);
        }
    }
}

template <class T> void forward(const Layer<T>& layer, const T* w, Input<T> a, size_t samples, T* z) {
    multiply(layer.weights, layer.n_in, w, w, a, samples, z, layer.stride);
}

// W^T is kept beside: below = delta W.
template <class T>
void backward(const Layer<T>& layer, const T* w, const T* delta, size_t samples, T* below, size_t stride) {
    multiply(layer.transposed, layer.n_out, w, static_cast<const T*>(nullptr), Input<T>{delta, layer.stride}, samples, below, stride);
}

// grad = A^T delta, and the sum of delta for the biases.
template <class T> void gradient(const Layer<T>& layer, Input<T> a, size_t samples, const T* delta, T* grad, bool add) {
    using V = Vec<T>;
    for (size_t p = 0; p < layer.weights.panels; ++p) {
        const size_t width = layer.weights.width_of(p), first = layer.weights.first_column(p);
        T* panel = grad + layer.weights.start_of(p);
        const Product<T> product{samples, a.data, a.stride, 1, delta + first, layer.stride, add ? panel : nullptr, width,
                                 panel, width};
        product.run(layer.n_in, width / LANES<T>);
        T* bias = panel + layer.n_in * width;
        for (size_t j = 0; j < width; j += LANES<T>) {
            V sum = add ? load(bias + j) : V{};
            for (size_t s = 0; s < samples; ++s) sum += load(delta + s * layer.stride + first + j);
            store(bias + j, sum);
        }
    }
}

}  // namespace nnexp::NNEXP_TARGET::simd
