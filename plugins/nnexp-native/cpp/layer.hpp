// One layer: its sizes, and where its parameters and its part of a batch lie.
#pragma once

#include "panels.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
struct Layer {
    size_t n_in, n_out;
    Panels<T> weights;     // the transpose of [W b]: row k has what input k is multiplied by, the last row the biases
    Panels<T> transposed;  // W, for the way back
    size_t offset;         // of its parameters in theta
    size_t flat_offset;    // the same in the caller's theta
    size_t width, stride;  // of the rows that hold z, a and dJ/dz

    T *z, *a, *delta;  // (samples of a chunk, n_out)
    T* w;              // W as `transposed`, made anew in each step; null where the products want none

    Rows rows(size_t count) const { return {count, n_out, width, stride}; }
};

// Samples of a chunk as a product reads them: unit k of sample s is data[s * stride + k].
template <class T>
struct Input {
    const T* data;
    size_t stride;
};

}  // namespace nnexp::NNEXP_TARGET
