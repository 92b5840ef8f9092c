// One instruction set's kernel. This file is compiled once for each, with its flags and with NNEXP_TARGET and NNEXP_BYTES set.
#include "epoch.hpp"

#define NNEXP_STRING(name) #name
#define NNEXP_NAME(name) NNEXP_STRING(name)

namespace nnexp::NNEXP_TARGET {

Kernel kernel(bool (*supported)()) {
    return {
        NNEXP_NAME(NNEXP_TARGET),
        supported,
        [](const Plan& plan, const Arrays<double>& at) -> std::unique_ptr<Runner> {
            return std::make_unique<EpochRunner<double>>(plan, at);
        },
        [](const Plan& plan, const Arrays<float>& at) -> std::unique_ptr<Runner> {
            return std::make_unique<EpochRunner<float>>(plan, at);
        },
        [](const Plan& plan, const Arrays<double>& at) -> std::unique_ptr<Evaluator> {
            return std::make_unique<LogitsOf<double>>(plan, at);
        },
        [](const Plan& plan, const Arrays<float>& at) -> std::unique_ptr<Evaluator> {
            return std::make_unique<LogitsOf<float>>(plan, at);
        },
    };
}

}  // namespace nnexp::NNEXP_TARGET
