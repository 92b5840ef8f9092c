// One epoch: for each batch the forward pass, the gradient of its cost, and the optimizer's step; then the epoch's
// cost.
#pragma once

#include "measure.hpp"
#include "network.hpp"
#include "optimizers.hpp"
#include "samples.hpp"

namespace nnexp::NNEXP_TARGET {

// Asks the poll about once in a millisecond's work.
class Watch {
public:
    explicit Watch(Poll& poll) : poll_(poll) {}
    void work(double multiply_adds) {
        done_ += multiply_adds + 200;
        if (done_ < 1e6) return;
        done_ = 0;
        poll_.check();
    }

private:
    Poll& poll_;
    double done_ = 0;
};

template <class T>
class EpochTrainer final : public Trainer {
public:
    EpochTrainer(const Plan& plan, const Arrays<T>& arrays)
        : plan_(plan),
          arrays_(arrays),
          network_(plan, plan.timed),
          samples_(plan, arrays),
          measure_(plan),
          chunk_(chunk_of<T>(plan, plan.batch_size)) {
        place();
        arena_.allocate();
        place();
        samples_.keep_targets();
        plan_.sizes = nullptr;  // the caller's
    }

    void epoch(const std::intptr_t* order, double learning_rate, Poll& poll) override {
        read();
        Watch watch(poll);
        for (size_t first = 0; first < plan_.n_samples; first += plan_.batch_size) {
            const size_t rest = plan_.n_samples - first;
            step(order, first, rest < plan_.batch_size ? rest : plan_.batch_size, learning_rate, watch);
        }
        cost_ = measure_.run(arrays_.logits, arrays_.y_used, arrays_.outputs,
                             [&](size_t n) { watch.work(double(n) * double(network_.last().n_out)); });
        write();  // where the poll throws, the caller's theta and state stay as they were before the epoch
    }

    double cost() const override { return cost_; }
    double product_seconds() const override { return network_.product_seconds(); }

private:
    void place() {
        network_.place(plan_, arena_, chunk_, true);
        samples_.place(arena_, chunk_, true);
        measure_.place(arena_);
        for (size_t i = 0; i < memory_of(plan_.optimizer.kind); ++i)
            memory_.arrays[i] = arena_.take<T>(network_.size());
    }

    void step(const std::intptr_t* order, size_t first, size_t count, double learning_rate, Watch& watch) {
        const bool in_place = plan_.optimizer.kind == Optimizer::gradient_descent && count <= chunk_;
        for (size_t done = 0; done < count; done += chunk_) {
            const size_t n = count - done < chunk_ ? count - done : chunk_;
            const Input<T> x = forward(order, first + done, n, double(count));
            if (in_place)
                descend(x, n, learning_rate);
            else
                network_.backward(x, n, network_.grad(), done > 0, done == 0);
            watch.work(3.0 * double(n) * double(network_.size()));
        }
        if (!in_place) update(learning_rate, watch);
    }

    // n samples of a batch, up to dJ/dz of the logits.
    Input<T> forward(const std::intptr_t* order, size_t first, size_t n, double batch) {
        const Input<T> x = samples_.inputs(order, first, n);
        const T* y = samples_.targets(order, first, n);
        network_.forward(x, n);
        const Layer<T>& last = network_.last();
        samples_.to_caller(last.z, first, n, arrays_.logits);
        objective_gradient(plan_, last.rows(n), batch, last.z, y, last.a, last.delta);
        return x;
    }

    // theta <- theta - rate g without an array for g: all of it is linear in the logits' dJ/dz, which is multiplied by
    // -rate.
    void descend(Input<T> x, size_t n, double learning_rate) {
        const Layer<T>& last = network_.last();
        const T rate = T(learning_rate);
        each_vector<T>(last.rows(n), [&](size_t i) { store(last.delta + i, load(last.delta + i) * -rate); });
        network_.backward(x, n, network_.theta(), true, true);
    }

    void update(double learning_rate, Watch& watch) {
        T *theta = network_.theta(), *grad = network_.grad();
        with_rule(plan_.optimizer, learning_rate, memory_, [&](auto rule) {
            constexpr size_t PIECE = 1 << 16;
            for (size_t start = 0; start < network_.size(); start += PIECE) {
                const size_t end = network_.size() - start < PIECE ? network_.size() : start + PIECE;
                for (size_t i = start; i < end; i += LANES<T>)
                    store(theta + i, rule.step(load(theta + i), load(grad + i), i));
                watch.work(double(end - start));
            }
        });
    }

    void read() {
        network_.read(arrays_.theta, network_.theta());
        for (size_t i = 0; i < memory_of(plan_.optimizer.kind); ++i) network_.read(arrays_.state[i], memory_.arrays[i]);
        if (arrays_.state[2]) t_ = *arrays_.state[2];
        memory_.t = &t_;
    }
    void write() {
        network_.write(network_.theta(), arrays_.theta);
        for (size_t i = 0; i < memory_of(plan_.optimizer.kind); ++i)
            network_.write(memory_.arrays[i], arrays_.state[i]);
        if (arrays_.state[2]) *arrays_.state[2] = t_;
        const bool scratch = plan_.optimizer.kind == Optimizer::adagrad || plan_.optimizer.kind == Optimizer::rmsprop;
        if (scratch) write_scratch(plan_.optimizer, network_.flat_size(), arrays_.state[0], arrays_.state[1]);
    }

    Plan plan_;
    Arrays<T> arrays_;
    Arena arena_;
    Network<T> network_;
    Samples<T> samples_;
    Measure<T> measure_;
    size_t chunk_;
    Memory<T> memory_{};
    T t_ = 0;
    double cost_ = 0;
};

template <class T>
class ForwardEvaluator final : public Evaluator {
public:
    ForwardEvaluator(const Plan& plan, const Arrays<T>& arrays)
        : plan_(plan),
          arrays_(arrays),
          network_(plan, false),
          samples_(plan, arrays),
          chunk_(chunk_of<T>(plan, plan.n_samples)) {
        place();
        arena_.allocate();
        place();
        plan_.sizes = nullptr;
    }

    void run(Poll& poll) override {
        network_.read(arrays_.theta, network_.theta());
        Watch watch(poll);
        for (size_t first = 0; first < plan_.n_samples; first += chunk_) {
            const size_t rest = plan_.n_samples - first, n = rest < chunk_ ? rest : chunk_;
            network_.forward(samples_.inputs(nullptr, first, n), n);
            samples_.to_caller(network_.last().z, first, n, arrays_.logits);
            watch.work(double(n) * double(network_.size()));
        }
    }

private:
    void place() {
        network_.place(plan_, arena_, chunk_, false);
        samples_.place(arena_, chunk_, false);
    }

    Plan plan_;
    Arrays<T> arrays_;
    Arena arena_;
    Network<T> network_;
    Samples<T> samples_;
    size_t chunk_;
};

}  // namespace nnexp::NNEXP_TARGET
