// dJ/dz of a batch's logits z: the loss's own gradient where it takes logits, else through the output activation.
#pragma once

#include "activations.hpp"
#include "classes.hpp"
#include "residuals.hpp"

namespace nnexp::NNEXP_TARGET {

// Calls use(formula, terms) for losses of residuals.hpp, J being a mean over samples times terms: 1, or the number n of
// outputs. Answers whether it is one.
template <class T, class Use>
inline bool with_residual(const Chosen<Loss>& loss, size_t n, Use use) {
    const double a = loss.numbers[0];
    const size_t of_samples = 1, of_all = n;
    switch (loss.kind) {
        case Loss::mse: use(Mse<T>{}, of_all); return true;
        case Loss::mae: use(Mae<T>{}, of_all); return true;
        case Loss::huber: use(Huber<T>{T(a)}, of_all); return true;
        case Loss::log_cosh: use(LogCosh<T>{}, of_all); return true;
        case Loss::quantile: use(Quantile<T>{T(a), T(1 - a)}, of_all); return true;
        case Loss::bce: use(Bce<T>{}, of_all); return true;
        case Loss::bce_on_logits: use(BceOnLogits<T>{}, of_all); return true;
        case Loss::cce: use(Cce<T>{T(1), T(0)}, of_samples); return true;
        case Loss::smooth_cce: use(Cce<T>{T(1 - a), T(a / double(n))}, of_samples); return true;
        case Loss::squared_hinge: use(SquaredHinge<T>{}, of_samples); return true;
        case Loss::poisson: use(Poisson<T>{}, of_all); return true;
        case Loss::poisson_on_logits: use(PoissonOnLogits<T>{}, of_all); return true;
        case Loss::hinge:
            if (n > 1) return false;
            use(SignedHinge<T>{}, of_samples);
            return true;
        case Loss::cce_on_logits:
        case Loss::smooth_cce_on_logits:
        case Loss::focal:
        case Loss::focal_on_logits: return false;
    }
    return false;
}

inline bool takes_logits(Loss kind) {
    switch (kind) {
        case Loss::bce_on_logits:
        case Loss::cce_on_logits:
        case Loss::smooth_cce_on_logits:
        case Loss::focal_on_logits:
        case Loss::poisson_on_logits: return true;
        default: return false;
    }
}

// softmax(z) - t, t = (1 - smoothing) y + smoothing / n_outputs, divided by the number of samples.
template <class T>
inline void cce_on_logits(const Rows& rows, double smoothing, T mean, const T* z, const T* y, T* out) {
    const T kept = T(1 - smoothing), spread_ = T(smoothing / double(rows.units));
    softmax(rows, z, out);
    each_vector<T>(rows, [&](size_t i) { store(out + i, (load(out + i) - (kept * load(y + i) + spread_)) * mean); });
}

// One row of a loss of classes.hpp, times the number of samples.
template <class T>
inline void class_row(const Chosen<Loss>& loss, const Rows& rows, const T* p, const T* y, T* out) {
    const Focal focal{loss.numbers[0], loss.numbers[1]};
    switch (loss.kind) {
        case Loss::hinge: return hinge(rows.units, p, y, out);
        case Loss::focal: return focal.gradient(rows.units, p, y, out);
        case Loss::focal_on_logits: return focal.on_logits(rows.units, p, y, out);
        default: return;
    }
}

// Write dJ/dp into out, the mean over the batch's samples included.
template <class T>
void loss_gradient(const Chosen<Loss>& loss, const Rows& rows, double samples, const T* p, const T* y, T* out) {
    const bool done = with_residual<T>(loss, rows.units, [&](auto f, size_t terms) {
        const double mean = 1 / (samples * double(terms));
        each_vector<T>(rows, [&](size_t i) { store(out + i, f.gradient(load(p + i), load(y + i)) * T(mean)); });
    });
    if (done) return;
    const T mean = T(1 / samples);
    if (loss.kind == Loss::cce_on_logits) return cce_on_logits(rows, 0, mean, p, y, out);
    if (loss.kind == Loss::smooth_cce_on_logits) return cce_on_logits(rows, loss.numbers[0], mean, p, y, out);
    for (size_t s = 0; s < rows.count; ++s) {
        const size_t at = s * rows.stride;
        class_row(loss, rows, p + at, y + at, out + at);
        for (size_t j = 0; j < rows.width; j += LANES<T>) store(out + at + j, load(out + at + j) * mean);
    }
}

// Write dJ/dz into delta, with zero pads; `a` is room for the predictions.
template <class T>
void objective_gradient(const Plan& plan, const Rows& rows, double samples, const T* z, const T* y, T* a, T* delta) {
    if (plan.output.kind == Activation::identity) {
        loss_gradient(plan.loss, rows, samples, z, y, delta);
    } else {
        forward(plan.output, rows, z, a);
        loss_gradient(plan.loss, rows, samples, a, y, delta);
        clear_pads(rows, delta);  // softmax adds up a row
        backward(plan.output, rows, z, a, delta);
    }
    clear_pads(rows, delta);
}

}  // namespace nnexp::NNEXP_TARGET
