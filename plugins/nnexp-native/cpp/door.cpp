// The door to Python, and the only file that knows it: checks of the arrays, the GIL, and signals.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <stdexcept>

#include "kernel.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using nnexp::Index;

template <class T>
using Flat = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Table = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Scalar = nb::ndarray<T, nb::ndim<0>, nb::device::cpu>;
using Order = nb::ndarray<const Index, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

const nnexp::Kernel& kernel_of(const std::string& target) {
    for (const auto& kernel : nnexp::kernels())
        if (kernel.name == target) {
            if (!kernel.supported()) throw std::runtime_error("the processor lacks " + target);
            return kernel;
        }
    throw std::runtime_error("there is no target " + target);
}

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

// Take the GIL for a moment, so that Python's signal handlers run; what they raise ends the epoch.
void look_for_signals() {
    nb::gil_scoped_acquire python;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

template <class Code>
nnexp::Plugin<Code> plugin(int code, const std::vector<double>& fields) {
    nnexp::Plugin<Code> made{static_cast<Code>(code), {}};
    std::copy_n(fields.begin(), std::min<std::size_t>(fields.size(), 4), made.field);
    return made;
}

using PluginSpec = std::pair<int, std::vector<double>>;

nnexp::Plan plan_of(
    const std::vector<Index>& sizes, const nb::tuple& plugins, Index n_samples, Index batch, int product, bool timed
) {
    const auto code = [&](int i) { return nb::cast<int>(nb::tuple(plugins[i])[0]); };
    const auto fields = [&](int i) { return nb::cast<std::vector<double>>(nb::tuple(plugins[i])[1]); };
    require(sizes.size() > 1 && *std::min_element(sizes.begin(), sizes.end()) > 0, "every layer has units");
    require(n_samples > 0 && batch > 0, "there are samples and a batch");
    return {
        sizes,
        plugin<nnexp::Activation>(code(0), fields(0)),
        plugin<nnexp::Activation>(code(1), fields(1)),
        plugin<nnexp::Loss>(code(2), fields(2)),
        plugin<nnexp::Optimizer>(code(3), fields(3)),
        n_samples,
        std::min(batch, n_samples),
        static_cast<nnexp::Product>(product),
        timed,
    };
}

Index parameters(const std::vector<Index>& sizes) {
    Index count = 0;
    for (std::size_t l = 1; l < sizes.size(); ++l) count += (sizes[l - 1] + 1) * sizes[l];
    return count;
}

// A runner, and references to the arrays it works on.
template <class T>
class Trainer {
public:
    Trainer(
        const std::string& target, const std::vector<Index>& sizes, const nb::tuple& plugins, Index batch, int product,
        bool timed, Table<const T> design, Table<const T> y, Flat<T> theta, const std::vector<Flat<T>>& state,
        nb::object steps, Table<T> logits, Table<T> y_used
    )
        : held_(nb::make_tuple(design, y, theta, state, steps, logits, y_used)), n_samples_(Index(design.shape(0))) {
        const auto plan = plan_of(sizes, plugins, n_samples_, batch, product, timed);
        const auto same = [&](const auto& a) { return Index(a.shape(0)) == sizes.back() && Index(a.shape(1)) == n_samples_; };
        require(Index(design.shape(1)) == sizes[0] + 1, "design has the shape (n_samples, n_features + 1)");
        require(same(y) && same(logits) && same(y_used), "y and logits have the shape (n_outputs, n_samples)");
        require(Index(theta.size()) == parameters(sizes), "theta holds all weights and biases");
        nnexp::Arrays<T> at{design.data(), y.data(), theta.data(), {}, nullptr, logits.data(), y_used.data()};
        require(state.size() <= 2, "at most two memories");
        for (std::size_t i = 0; i < state.size(); ++i) {
            require(state[i].size() == theta.size(), "a memory is like theta");
            at.state[i] = state[i].data();
        }
        if (!steps.is_none()) at.steps = nb::cast<Scalar<T>>(steps).data();
        const auto& kernel = kernel_of(target);
        nb::gil_scoped_release free;
        if constexpr (sizeof(T) == 8) runner_ = kernel.runner64(plan, at);
        else runner_ = kernel.runner32(plan, at);
    }

    void run(nb::object given, double learning_rate) {
        const Index* order = nullptr;
        Order samples;
        if (!given.is_none()) {
            samples = nb::cast<Order>(given);
            require(Index(samples.size()) == n_samples_, "order has an entry for each sample");
            order = samples.data();
            for (Index i = 0; i < n_samples_; ++i) require(order[i] >= 0 && order[i] < n_samples_, "order holds indices of samples");
        }
        nb::gil_scoped_release free;
        runner_->run(order, learning_rate, look_for_signals);
    }

    double product_seconds() const { return runner_->product_seconds; }

private:
    nb::object held_;
    Index n_samples_;
    std::unique_ptr<nnexp::Runner> runner_;
};

// A network's logits for a design matrix.
template <class T>
class Logits {
public:
    Logits(
        const std::string& target, const std::vector<Index>& sizes, const nb::tuple& plugins, int product,
        Table<const T> design, Flat<const T> theta, Table<T> logits
    )
        : held_(nb::make_tuple(design, theta, logits)) {
        const Index n = Index(design.shape(0));
        const auto plan = plan_of(sizes, plugins, n, n, product, false);
        require(Index(design.shape(1)) == sizes[0] + 1, "design has the shape (n_samples, n_features + 1)");
        require(Index(logits.shape(0)) == sizes.back() && Index(logits.shape(1)) == n, "logits are (n_outputs, n_samples)");
        require(Index(theta.size()) == parameters(sizes), "theta holds all weights and biases");
        const nnexp::Arrays<T> at{design.data(), nullptr, const_cast<T*>(theta.data()), {}, nullptr, logits.data(), nullptr};
        const auto& kernel = kernel_of(target);
        nb::gil_scoped_release free;
        if constexpr (sizeof(T) == 8) evaluator_ = kernel.evaluator64(plan, at);
        else evaluator_ = kernel.evaluator32(plan, at);
    }

    void run() {
        nb::gil_scoped_release free;
        evaluator_->run(look_for_signals);
    }

private:
    nb::object held_;
    std::unique_ptr<nnexp::Evaluator> evaluator_;
};

template <class T>
void bind(nb::module_& module, const char* trainer, const char* logits) {
    nb::class_<Trainer<T>>(module, trainer)
        .def(
            nb::init<
                const std::string&, const std::vector<Index>&, const nb::tuple&, Index, int, bool, Table<const T>,
                Table<const T>, Flat<T>, const std::vector<Flat<T>>&, nb::object, Table<T>, Table<T>>(),
            "target"_a, "sizes"_a, "plugins"_a, "batch"_a, "product"_a, "timed"_a, "design"_a.noconvert(), "y"_a.noconvert(),
            "theta"_a.noconvert(), "state"_a.noconvert(), "steps"_a.none(), "logits"_a.noconvert(), "y_used"_a.noconvert()
        )
        .def("run", &Trainer<T>::run, "order"_a.none(), "learning_rate"_a)
        .def_prop_ro("product_seconds", &Trainer<T>::product_seconds);
    nb::class_<Logits<T>>(module, logits)
        .def(
            nb::init<
                const std::string&, const std::vector<Index>&, const nb::tuple&, int, Table<const T>, Flat<const T>,
                Table<T>>(),
            "target"_a, "sizes"_a, "plugins"_a, "product"_a, "design"_a.noconvert(), "theta"_a.noconvert(),
            "logits"_a.noconvert()
        )
        .def("run", &Logits<T>::run);
}

}  // namespace

NB_MODULE(_native, module) {
    bind<double>(module, "Trainer64", "Logits64");
    bind<float>(module, "Trainer32", "Logits32");
    module.def("targets", [] {
        std::vector<std::string> names;
        for (const auto& kernel : nnexp::kernels()) names.emplace_back(kernel.name);
        return names;
    });
    module.def("supported", [](const std::string& target) {
        for (const auto& kernel : nnexp::kernels())
            if (kernel.name == target) return kernel.supported();
        return false;
    });
}
