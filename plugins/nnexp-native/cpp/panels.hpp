// How a matrix is kept: in panels of a few vectors' width, each with its rows one after the other.
//
//     columns   0 ... w-1   w ... 2w-1   ...            Within a panel the rows follow each other without a gap, so a
//     row 0     [ panel 0 ] [ panel 1  ] [ last  ]      product that computes a few vectors of its result at a time
//     reads row 1     [         ] [          ] [       ]      memory from beginning to end.
//
// A panel is two vectors wide; the last has the odd one, too. The product `naive` and `blocked` want a plain matrix:
// one panel. Columns are padded with zeros to whole vectors.
#pragma once

#include "rows.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
struct Panels {
    size_t rows, columns;
    size_t width;   // columns rounded up to whole vectors
    size_t panels;  // how many

    static constexpr size_t PANEL = 2 * LANES<T>;

    static Panels of(size_t rows, size_t columns, bool plain) {
        const size_t width = rounded_up(columns, LANES<T>), most = width / PANEL;
        return {rows, columns, width, plain || most == 0 ? 1 : most};
    }

    size_t size() const { return rows * width; }
    size_t first_column(size_t panel) const { return panel * PANEL; }
    size_t width_of(size_t panel) const { return panel + 1 == panels ? width - first_column(panel) : PANEL; }
    size_t start_of(size_t panel) const { return rows * first_column(panel); }
};

// The caller's [W b] (n_out, n_in + 1) and our panels of its transpose (n_in + 1, n_out).
template <class T>
void from_flat(const Panels<T>& to, const T* flat, T* data) {
    for (size_t p = 0; p < to.panels; ++p) {
        const size_t width = to.width_of(p), first = to.first_column(p);
        T* panel = data + to.start_of(p);
        for (size_t j = 0; j < width && first + j < to.columns; ++j)
            for (size_t k = 0; k < to.rows; ++k) panel[k * width + j] = flat[(first + j) * to.rows + k];
    }
}
template <class T>
void to_flat(const Panels<T>& from, const T* data, T* flat) {
    for (size_t p = 0; p < from.panels; ++p) {
        const size_t width = from.width_of(p), first = from.first_column(p);
        const T* panel = data + from.start_of(p);
        for (size_t j = 0; j < width && first + j < from.columns; ++j)
            for (size_t k = 0; k < from.rows; ++k) flat[(first + j) * from.rows + k] = panel[k * width + j];
    }
}

// The transpose of the first `to.columns` rows of a matrix, as panels of its own.
template <class T>
void transpose(const Panels<T>& from, const T* data, const Panels<T>& to, T* out) {
    for (size_t q = 0; q < to.panels; ++q) {
        const size_t out_width = to.width_of(q), first_row = to.first_column(q);
        const size_t n = out_width < to.columns - first_row ? out_width : to.columns - first_row;
        T* target = out + to.start_of(q);
        for (size_t p = 0; p < from.panels; ++p) {
            const size_t width = from.width_of(p), first = from.first_column(p);
            const T* panel = data + from.start_of(p) + first_row * width;
            for (size_t j = 0; j < width && first + j < from.columns; ++j)
                for (size_t k = 0; k < n; ++k) target[(first + j) * out_width + k] = panel[k * width + j];
        }
    }
}

}  // namespace nnexp::NNEXP_TARGET
