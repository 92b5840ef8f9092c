// The matrix product C = init + A B, in three ways that give the same numbers but for rounding.
//
//     c_ij = init_ij + sum over k of a_ik b_kj,    i < rows, j < columns, k < depth
//
// A may lie in any way: a_ik is a.at[i * a.row + k * a.column], so that A or its transpose is the same to it. B and C lie in rows.
// Rows of B and C are padded to whole vectors; what is in the pads of B goes into the pads of C.
#pragma once

#include "kernel.hpp"
#include "simd.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
struct View {
    const T* at;
    Index row, column;
};

template <class T>
struct Rows {
    T* at;
    Index row;  // from one row to the next
};

// What a product starts from.
template <class T>
struct Start {
    const T* bias = nullptr;  // the same row for each row of C; null: zeros
    bool add = false;         // or what C holds
};

// ---------------------------------------------------------------------------------------------------------------- naive
// Three loops, as a textbook has them: an entry of C is a row of A times a column of B.
template <class T>
void naive_product(Index rows, Index columns, Index depth, View<T> a, Rows<const T> b, Rows<T> c, Start<T> start) {
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) {
            T sum = start.add ? c.at[i * c.row + j] : start.bias ? start.bias[j] : T(0);
            for (Index k = 0; k < depth; ++k) sum += a.at[i * a.row + k * a.column] * b.at[k * b.row + j];
            c.at[i * c.row + j] = sum;
        }
}

// -------------------------------------------------------------------------------------------------------------- blocked
// The same loops with k outside j, so that memory is read along its rows, and in blocks that stay in the cache.
template <class T>
void blocked_product(Index rows, Index columns, Index depth, View<T> a, Rows<const T> b, Rows<T> c, Start<T> start) {
    constexpr Index block = 64;
    if (!start.add)
        for (Index i = 0; i < rows; ++i)
            for (Index j = 0; j < columns; ++j) c.at[i * c.row + j] = start.bias ? start.bias[j] : T(0);
    for (Index k0 = 0; k0 < depth; k0 += block)
        for (Index j0 = 0; j0 < columns; j0 += block) {
            const Index k1 = k0 + block < depth ? k0 + block : depth, j1 = j0 + block < columns ? j0 + block : columns;
            for (Index i = 0; i < rows; ++i)
                for (Index k = k0; k < k1; ++k) {
                    const T x = a.at[i * a.row + k * a.column];
                    const T* from = b.at + k * b.row;
                    T* to = c.at + i * c.row;
                    for (Index j = j0; j < j1; ++j) to[j] += x * from[j];
                }
        }
}

// ----------------------------------------------------------------------------------------------------------------- simd
// A tile of R rows and V vectors of C is kept in registers while k runs: each step loads V vectors of B and R numbers of A and
// makes R V products of them.
template <class T, int R, int V>
__attribute__((noinline)) void tile(Index depth, View<T> a, Rows<const T> b, Rows<T> c, Start<T> start) {
    constexpr int n = lanes<T>;
    Vec<T> sum[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v)
            sum[r][v] = start.add ? load(c.at + r * c.row + v * n) : start.bias ? load(start.bias + v * n) : Vec<T>{};
    for (Index k = 0; k < depth; ++k) {
        Vec<T> right[V];
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) right[v] = load(b.at + k * b.row + v * n);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const Vec<T> left = all(a.at[r * a.row + k * a.column]);
#pragma GCC unroll 16
            for (int v = 0; v < V; ++v) sum[r][v] += left * right[v];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) store(c.at + r * c.row + v * n, sum[r][v]);
}

// V vectors of columns: tiles of R rows, and a smaller one for the rows that are left.
template <class T, int R, int V>
inline void strip(Index rows, Index depth, View<T> a, Rows<const T> b, Rows<T> c, Start<T> start) {
    Index i = 0;
    for (; i + R <= rows; i += R) tile<T, R, V>(depth, {a.at + i * a.row, a.row, a.column}, b, {c.at + i * c.row, c.row}, start);
    if constexpr (R > 1)
        if (i < rows) strip<T, R / 2, V>(rows - i, depth, {a.at + i * a.row, a.row, a.column}, b, {c.at + i * c.row, c.row}, start);
}

// Registers: R V sums, V vectors of B and one of A have to fit in 16, or in 32 of AVX-512.
#if NNEXP_BYTES == 64
inline constexpr int wide = 4, high = 6, high3 = 8;
#else
inline constexpr int wide = 2, high = 6, high3 = 4;
#endif

template <class T>
void simd_product(Index rows, Index columns, Index depth, View<T> a, Rows<const T> b, Rows<T> c, Start<T> start) {
    constexpr Index deep = 256;  // rows of B at a time: those of a strip stay in the first-level cache
    const Index vectors = (columns + lanes<T> - 1) / lanes<T>;
    Index k = 0;
    do {
        const Index depth_here = depth - k < deep ? depth - k : deep;
        const View<T> a_here{a.at + k * a.column, a.row, a.column};
        for (Index v = 0; v < vectors;) {
            const Index left = vectors - v, j = v * lanes<T>;
            const Rows<const T> b_here{b.at + k * b.row + j, b.row};
            const Rows<T> c_here{c.at + j, c.row};
            const Start<T> from{start.bias ? start.bias + j : nullptr, start.add || k > 0};
            if (left == 3) {
                strip<T, high3, 3>(rows, depth_here, a_here, b_here, c_here, from);
                v += 3;
            } else if (left >= wide) {
                strip<T, high, wide>(rows, depth_here, a_here, b_here, c_here, from);
                v += wide;
            } else if (left == 2) {
                strip<T, high, 2>(rows, depth_here, a_here, b_here, c_here, from);
                v += 2;
            } else {
                strip<T, 8, 1>(rows, depth_here, a_here, b_here, c_here, from);
                v += 1;
            }
        }
        k += depth_here;
    } while (k < depth);
}

template <class T>
inline void product(Product how, Index rows, Index columns, Index depth, View<T> a, Rows<const T> b, Rows<T> c, Start<T> start) {
    switch (how) {
        case Product::naive: return naive_product(rows, columns, depth, a, b, c, start);
        case Product::blocked: return blocked_product(rows, columns, depth, a, b, c, start);
        case Product::simd: return simd_product(rows, columns, depth, a, b, c, start);
    }
}

// c_i = sum over j of a_j b_ij for each row b_i, j < columns: one sample's delta times the rows of a matrix.
template <class T>
inline void rows_times(Index rows, Index columns, const T* a, Rows<const T> b, T* c) {
    const Index vectors = (columns + lanes<T> - 1) / lanes<T>;
    for (Index i = 0; i < rows; ++i) {
        Vec<T> sum{};
        for (Index v = 0; v < vectors; ++v) sum += load(a + v * lanes<T>) * load(b.at + i * b.row + v * lanes<T>);
        c[i] = sum_of<T>(sum);
    }
}

}  // namespace nnexp::NNEXP_TARGET
