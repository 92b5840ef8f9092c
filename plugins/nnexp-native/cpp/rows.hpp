// Samples in rows: unit j of sample s is data[s * stride + j]. Rows are padded to whole vectors.
#pragma once

#include "simd.hpp"

namespace nnexp::NNEXP_TARGET {

constexpr size_t rounded_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

struct Rows {
    size_t count;   // samples
    size_t units;   // what a row holds
    size_t width;   // units rounded up to whole vectors; the pads' activations may be anything finite, their gradients
                    // are 0
    size_t stride;  // from row to row
};

// An odd number of vectors from row to row: a power of two would put a column's entries into few sets of the cache.
template <class T>
size_t row_stride(size_t width) {
    const size_t vectors = width / LANES<T>;
    return (vectors % 2 ? vectors : vectors + 1) * LANES<T>;
}

// Calls use(offset) for each vector of each row.
template <class T, class Use>
inline void each_vector(const Rows& rows, Use use) {
    for (size_t s = 0; s < rows.count; ++s)
        for (size_t j = 0; j < rows.width; j += LANES<T>) use(s * rows.stride + j);
}

// Sets the pads to 0.
template <class T>
void clear_pads(const Rows& rows, T* data) {
    const size_t whole = rows.units / LANES<T> * LANES<T>;
    if (whole == rows.width) return;
    const auto mask = first_lanes<Vec<T>>(rows.units - whole);
    for (size_t s = 0; s < rows.count; ++s) {
        T* last = data + s * rows.stride + whole;
        store(last, from_bits<Vec<T>>(bits(load(last)) & mask));
    }
}

}  // namespace nnexp::NNEXP_TARGET
