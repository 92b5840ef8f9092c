// The network: its parameters in an order that suits the products, and the forward and backward pass of some samples.
//
// Samples lie in rows, their units padded to whole vectors. A layer's parameters are kept as the transposed weights, a row for
// each input, and the biases as one more row:
//
//     Z_l = A_(l-1) Wt_l + b_l,    A_l = f(Z_l)
//     dJ/dWt_l = A_(l-1)^T D_l,    dJ/db_l = sum over samples of D_l,    D_l = dJ/dZ_l
//     dJ/dA_(l-1) = D_l W_l,       D_(l-1) = dJ/dA_(l-1) f'(Z_(l-1))
//
// so that every product runs along units and is as fast for one sample as for many. Pads are 0 and stay 0.
#pragma once

#include <chrono>

#include "arena.hpp"
#include "losses.hpp"
#include "product.hpp"

namespace nnexp::NNEXP_TARGET {

template <class T>
inline Index padded(Index units) {
    return (units + lanes<T> - 1) / lanes<T> * lanes<T>;
}

// The length of rows that are read one below the other: an odd number of cache lines where it is long, since rows that are a
// power of two apart share few places in the cache.
template <class T>
inline Index spread(Index length) {
    constexpr Index line = Arena::line / sizeof(T);
    if (length < 8 * line) return length;
    const Index lines = (length + line - 1) / line;
    return (lines % 2 ? lines : lines + 1) * line;
}

template <class T>
struct Weights {
    Index n_in, n_out;
    Index row;     // of Wt
    Index offset;  // of the first row in the flat arrays
};

// Whether f'(z) is computed from z, so that z has to be kept beside a.
inline bool slope_needs_z(Activation code) {
    switch (code) {
        case Activation::leaky_relu: case Activation::elu: case Activation::selu: case Activation::gelu:
        case Activation::silu: case Activation::mish: case Activation::softsign: case Activation::sine: return true;
        default: return false;
    }
}

template <class T>
class Network {
public:
    // `capacity` samples at most are taken at a time.
    Network(const Plan& plan, Index capacity) : plan(plan), capacity(capacity) {
        for (std::size_t l = 1; l < plan.sizes.size(); ++l) {
            const Index row = spread<T>(padded<T>(plan.sizes[l]));
            layers.push_back({plan.sizes[l - 1], plan.sizes[l], row, total});
            total += (plan.sizes[l - 1] + 1) * row;
            work += (plan.sizes[l - 1] + 1) * plan.sizes[l];
        }
        z.resize(layers.size());
        a.resize(layers.size());
        delta.resize(layers.size());
        natural.resize(layers.size());
    }

    void lay_out(Arena& arena, bool trains) {
        theta = arena.part<T>(total);
        for (std::size_t l = 0; l < layers.size(); ++l) {
            const Index count = capacity * padded<T>(layers[l].n_out);
            const bool hidden = l + 1 < layers.size();
            z[l] = arena.part<T>(count);
            a[l] = hidden && slope_needs_z(plan.hidden.code) ? arena.part<T>(count) : z[l];
            if (!trains) continue;
            delta[l] = arena.part<T>(count);
            if (l) natural[l] = arena.part<T>(layers[l].n_out * spread<T>(padded<T>(layers[l].n_in)));
        }
        if (trains) {
            grad = arena.part<T>(total);
            outputs = arena.part<T>(capacity * padded<T>(layers.back().n_out));
        }
    }

    // flat, layer by layer [W b] (n_out, n_in + 1), from or to the order that is used here.
    void pack(const T* flat, T* to) const { each_parameter(const_cast<T*>(flat), to, [](T& given, T& own) { own = given; }); }
    void unpack(const T* from, T* flat) const {
        each_parameter(flat, const_cast<T*>(from), [](T& given, T& own) { given = own; });
    }

    // The logits of m samples; x has a row for each.
    const T* forward(Rows<const T> x, Index m) {
        View<T> input{x.at, x.row, 1};
        for (std::size_t l = 0; l < layers.size(); ++l) {
            const Weights<T>& w = layers[l];
            const Index wide = padded<T>(w.n_out);
            const T* const weights = theta + w.offset;
            multiply(m, w.n_out, w.n_in, input, {weights, w.row}, {z[l], wide}, {weights + w.n_in * w.row, false});
            if (l + 1 < layers.size()) nnexp::NNEXP_TARGET::forward<T>(plan.hidden, {m, w.n_out, wide}, z[l], a[l]);
            input = {a[l], wide, 1};
        }
        return z.back();
    }

    // W from Wt, for the layers whose inputs have a delta. Of few samples the rows of Wt are used as they are.
    void transpose() {
        if (few()) return;
        for (std::size_t l = 1; l < layers.size(); ++l) {
            const Weights<T>& w = layers[l];
            const Index row = spread<T>(padded<T>(w.n_in));
            for (Index i = 0; i < w.n_in; ++i)
                for (Index o = 0; o < w.n_out; ++o) natural[l][o * row + i] = theta[w.offset + i * w.row + o];
        }
    }

    // factor dJ/dtheta of m samples whose forward pass was the last, into `to`, or added to what `to` holds, which may be theta.
    void backward(Rows<const T> x, Index m, const T* y, double factor, T* to, bool add) {
        output_delta(m, y, factor);
        for (std::size_t l = layers.size(); l-- > 0;) {
            if (l) input_delta(l, m);
            const Weights<T>& w = layers[l];
            const Index wide = padded<T>(w.n_out);
            const View<T> input = l ? View<T>{a[l - 1], 1, padded<T>(w.n_in)} : View<T>{x.at, 1, x.row};
            T* const here = to + w.offset;
            multiply(w.n_in, w.n_out, m, input, {delta[l], wide}, {here, w.row}, {nullptr, add});
            sum_rows(delta[l], m, wide, here + w.n_in * w.row, add);
        }
    }

    const Plan& plan;
    const Index capacity;
    std::vector<Weights<T>> layers;
    Index total = 0;  // numbers in the flat arrays, pads included
    Index work = 0;   // parameters
    T* theta = nullptr;
    T* grad = nullptr;
    double product_seconds = 0;

private:
    bool few() const { return capacity < 4 && plan.product == Product::simd; }

    void multiply(Index rows, Index columns, Index depth, View<T> a, Rows<const T> b, Rows<T> c, Start<T> start) {
        if (!plan.timed) return product(plan.product, rows, columns, depth, a, b, c, start);
        const auto began = std::chrono::steady_clock::now();
        product(plan.product, rows, columns, depth, a, b, c, start);
        product_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    }

    // factor D of the last layer: of the loss's closed form, or of the loss and then of the output activation.
    void output_delta(Index m, const T* y, double factor) {
        const Index units = layers.back().n_out, wide = padded<T>(units);
        const T* prediction = z.back();
        if (plan.output.code != Activation::identity) {
            nnexp::NNEXP_TARGET::forward<T>(plan.output, {m, units, wide}, z.back(), outputs);
            prediction = outputs;
        }
        gradient<T>(plan.loss, {m, units, wide}, factor, prediction, y, delta.back());
        nnexp::NNEXP_TARGET::backward<T>(plan.output, {m, units, wide}, z.back(), outputs, delta.back());
    }

    // D of the layer below l.
    void input_delta(std::size_t l, Index m) {
        const Weights<T>& w = layers[l];
        const Index wide = padded<T>(w.n_in), row = spread<T>(wide);
        T* const below = delta[l - 1];
        if (few()) {
            for (Index s = 0; s < m; ++s)
                rows_times<T>(w.n_in, w.n_out, delta[l] + s * padded<T>(w.n_out), {theta + w.offset, w.row}, below + s * wide);
        } else {
            multiply(m, w.n_in, w.n_out, {delta[l], padded<T>(w.n_out), 1}, {natural[l], row}, {below, wide}, {});
        }
        nnexp::NNEXP_TARGET::backward<T>(plan.hidden, {m, w.n_in, wide}, z[l - 1], a[l - 1], below);
    }

    static void sum_rows(const T* rows, Index m, Index wide, T* to, bool add) {
        for (Index j = 0; j < wide; j += lanes<T>) {
            Vec<T> sum = add ? load(to + j) : Vec<T>{};
            for (Index s = 0; s < m; ++s) sum += load(rows + s * wide + j);
            store(to + j, sum);
        }
    }

    template <class Use>
    void each_parameter(T* flat, T* own, Use use) const {
        for (const Weights<T>& w : layers)
            for (Index o = 0; o < w.n_out; ++o)
                for (Index i = 0; i <= w.n_in; ++i) use(*flat++, own[w.offset + i * w.row + o]);
    }

    std::vector<T*> z, a, delta, natural;
    T* outputs = nullptr;
};

}  // namespace nnexp::NNEXP_TARGET
