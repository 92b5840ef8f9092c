// The door to Python: the only file that knows it. Arrays are checked here; an epoch runs without the interpreter's
// lock.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "names.hpp"
#include "targets.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace nnexp {
namespace {

using Given = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;  // read only
using Changed = nb::ndarray<nb::c_contig, nb::device::cpu>;        // written to
using Order = nb::ndarray<const std::intptr_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

const Target& target_named(const std::string& name) {
    for (const Target* target : runnable_targets())
        if (target->name == name) return *target;
    throw std::invalid_argument("this processor cannot run the target " + name);
}

template <class Kind, std::size_t N>
Chosen<Kind> chosen(const std::string_view (&names)[N], const nb::tuple& given) {
    const auto name = nb::cast<std::string>(given[0]);
    const auto numbers = nb::cast<std::vector<double>>(given[1]);
    Chosen<Kind> found{named<Kind>(names, name), {}};
    if (numbers.size() > std::size(found.numbers)) throw std::invalid_argument(name + " has too many numbers");
    std::copy(numbers.begin(), numbers.end(), found.numbers);
    return found;
}

// The plan of a dict that plan() of engine.py made.
Plan plan_of(const nb::dict& given, const std::vector<std::size_t>& sizes, std::size_t n_samples) {
    Plan plan{};
    plan.sizes = sizes.data();
    plan.n_sizes = sizes.size();
    plan.hidden = chosen<Activation>(ACTIVATIONS, nb::cast<nb::tuple>(given["hidden"]));
    plan.output = chosen<Activation>(ACTIVATIONS, nb::cast<nb::tuple>(given["output"]));
    plan.loss = chosen<Loss>(LOSSES, nb::cast<nb::tuple>(given["loss"]));
    plan.optimizer = chosen<Optimizer>(OPTIMIZERS, nb::cast<nb::tuple>(given["optimizer"]));
    plan.matmul = named<Matmul>(MATMULS, nb::cast<std::string>(given["matmul"]));
    plan.timed = nb::cast<bool>(given["timed"]);
    plan.n_samples = n_samples;
    const auto batch_size = nb::cast<std::size_t>(given["batch_size"]);  // 0: all samples
    plan.batch_size = batch_size == 0 ? n_samples : std::min(batch_size, n_samples);
    if (sizes.size() < 2 || n_samples == 0 || std::count(sizes.begin(), sizes.end(), std::size_t(0)))
        throw std::invalid_argument("a network needs two sizes of at least 1, and a sample");
    return plan;
}

std::size_t parameters(const std::vector<std::size_t>& sizes) {
    std::size_t count = 0;
    for (std::size_t l = 1; l < sizes.size(); ++l) count += sizes[l] * (sizes[l - 1] + 1);
    return count;
}

template <class Array>
void expect(const char* name, const Array& array, nb::dlpack::dtype dtype, std::vector<std::size_t> shape) {
    bool fits = array.dtype() == dtype && array.ndim() == shape.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = array.shape(i) == shape[i];
    if (!fits)
        throw std::invalid_argument(std::string(name) + " does not have the dtype or the shape that was planned");
}

// Looks for signals twenty times a second, and lets what a handler raises end the epoch.
class Signals final : public Poll {
public:
    void check() override {
        const double now = seconds();
        if (now - last_ < 0.05) return;
        last_ = now;
        nb::gil_scoped_acquire locked;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }

private:
    double last_ = seconds();
};

// A network's training. It keeps the arrays it was given, and writes into theta, state, logits, y_used and outputs.
class PyTrainer {
public:
    PyTrainer(const std::string& target, const nb::dict& plan, std::vector<std::size_t> sizes, Given design, Given y,
              Changed theta, std::vector<Changed> state, Changed logits, Changed y_used, std::optional<Changed> outputs)
        : kept_{theta, logits, y_used}, given_{design, y}, outputs_(outputs), n_samples_(design.shape(0)) {
        kept_.insert(kept_.end(), state.begin(), state.end());
        const auto dtype = theta.dtype();
        const std::size_t n_in = sizes.front(), n_out = sizes.back(), size = parameters(sizes);
        expect("design", design, dtype, {n_samples_, n_in + 1});
        expect("theta", theta, dtype, {size});
        expect("y", y, dtype, {n_out, n_samples_});
        expect("logits", logits, dtype, {n_out, n_samples_});
        expect("y_used", y_used, dtype, {n_out, n_samples_});
        if (outputs) expect("outputs", *outputs, dtype, {n_out, n_samples_});
        if (state.size() > 3) throw std::invalid_argument("an optimizer has at most three arrays");
        for (const Changed& array : state)
            array.ndim() ? expect("state", array, dtype, {size}) : expect("state", array, dtype, {});
        const Plan made = plan_of(plan, sizes, n_samples_);
        const Target& chosen = target_named(target);
        if (dtype == nb::dtype<double>())
            make<double>(chosen.trainer64, made, state);
        else if (dtype == nb::dtype<float>())
            make<float>(chosen.trainer32, made, state);
        else
            throw std::invalid_argument("theta must be float64 or float32");
    }

    void epoch(std::optional<Order> order, double learning_rate) {
        const std::intptr_t* samples = nullptr;
        if (order) {
            samples = order->data();
            if (order->shape(0) != n_samples_)
                throw std::invalid_argument("the order must name as many samples as there are");
            const auto [least, most] = std::minmax_element(samples, samples + n_samples_);
            if (*least < 0 || std::size_t(*most) >= n_samples_)
                throw nb::index_error("the order names a sample that is not there");
        }
        Signals signals;
        nb::gil_scoped_release unlocked;
        trainer_->epoch(samples, learning_rate, signals);
    }

    double cost() const { return trainer_->cost(); }
    double product_seconds() const { return trainer_->product_seconds(); }

private:
    template <class T>
    void make(Trainer* (*make)(const Plan&, const Arrays<T>&), const Plan& plan, const std::vector<Changed>& state) {
        Arrays<T> arrays{};
        arrays.design = static_cast<const T*>(given_[0].data());
        arrays.y = static_cast<const T*>(given_[1].data());
        arrays.theta = static_cast<T*>(kept_[0].data());
        arrays.logits = static_cast<T*>(kept_[1].data());
        arrays.y_used = static_cast<T*>(kept_[2].data());
        arrays.outputs = outputs_ ? static_cast<T*>(outputs_->data()) : nullptr;
        for (std::size_t i = 0; i < state.size(); ++i) arrays.state[i] = static_cast<T*>(state[i].data());
        trainer_.reset(make(plan, arrays));
    }

    std::vector<Changed> kept_;
    std::vector<Given> given_;
    std::optional<Changed> outputs_;
    std::size_t n_samples_;
    std::unique_ptr<Trainer> trainer_;
};

class PyEvaluator {
public:
    PyEvaluator(const std::string& target, const nb::dict& plan, std::vector<std::size_t> sizes, Given design,
                Given theta, Changed logits)
        : design_(design), theta_(theta), logits_(logits) {
        const auto dtype = theta.dtype();
        const std::size_t n_samples = design.shape(0);
        expect("design", design, dtype, {n_samples, sizes.front() + 1});
        expect("theta", theta, dtype, {parameters(sizes)});
        expect("logits", logits, dtype, {sizes.back(), n_samples});
        const Plan made = plan_of(plan, sizes, n_samples);
        const Target& chosen = target_named(target);
        if (dtype == nb::dtype<double>())
            make<double>(chosen.evaluator64, made);
        else if (dtype == nb::dtype<float>())
            make<float>(chosen.evaluator32, made);
        else
            throw std::invalid_argument("theta must be float64 or float32");
    }

    void run() {
        Signals signals;
        nb::gil_scoped_release unlocked;
        evaluator_->run(signals);
    }

private:
    template <class T>
    void make(Evaluator* (*make)(const Plan&, const Arrays<T>&), const Plan& plan) {
        Arrays<T> arrays{};
        arrays.design = static_cast<const T*>(design_.data());
        arrays.theta = const_cast<T*>(static_cast<const T*>(theta_.data()));  // an evaluator only reads it
        arrays.logits = static_cast<T*>(logits_.data());
        evaluator_.reset(make(plan, arrays));
    }

    Given design_, theta_;
    Changed logits_;
    std::unique_ptr<Evaluator> evaluator_;
};

std::vector<std::string> targets() {
    std::vector<std::string> names;
    for (const Target* target : runnable_targets()) names.emplace_back(target->name);
    return names;
}

template <class T>
using Numbers = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Results = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
void elementary(const std::string& target, const std::string& name, Numbers<T> x, Results<T> out) {
    if (x.shape(0) != out.shape(0)) throw std::invalid_argument("x and out differ in size");
    if constexpr (sizeof(T) == 8)
        target_named(target).elementary64(name.c_str(), x.data(), out.data(), x.shape(0));
    else
        target_named(target).elementary32(name.c_str(), x.data(), out.data(), x.shape(0));
}

}  // namespace
}  // namespace nnexp

NB_MODULE(_native, module) {
    using namespace nnexp;
    module.doc() = "The compiled part of nnexp-native: trainers and evaluators of networks.";
    module.def("targets", &targets, "The compiled targets that this processor can run, the best one first.");
    nb::class_<PyTrainer>(module, "Trainer")
        .def(nb::init<const std::string&, const nb::dict&, std::vector<std::size_t>, Given, Given, Changed,
                      std::vector<Changed>, Changed, Changed, std::optional<Changed>>(),
             "target"_a, "plan"_a, "sizes"_a, "design"_a.noconvert(), "y"_a.noconvert(), "theta"_a.noconvert(),
             "state"_a.noconvert(), "logits"_a.noconvert(), "y_used"_a.noconvert(), "outputs"_a.none().noconvert())
        .def("epoch", &PyTrainer::epoch, "order"_a.none().noconvert(), "learning_rate"_a)
        .def_prop_ro("cost", &PyTrainer::cost)
        .def_prop_ro("product_seconds", &PyTrainer::product_seconds);
    nb::class_<PyEvaluator>(module, "Evaluator")
        .def(nb::init<const std::string&, const nb::dict&, std::vector<std::size_t>, Given, Given, Changed>(),
             "target"_a, "plan"_a, "sizes"_a, "design"_a.noconvert(), "theta"_a.noconvert(), "logits"_a.noconvert())
        .def("run", &PyEvaluator::run);
    module.def("elementary", &elementary<double>, "target"_a, "name"_a, "x"_a.noconvert(), "out"_a.noconvert());
    module.def("elementary", &elementary<float>, "target"_a, "name"_a, "x"_a.noconvert(), "out"_a.noconvert());
}
