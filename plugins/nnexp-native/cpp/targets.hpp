// The compiled targets, and which of them this processor can run.
#pragma once

#include <vector>

#include "plan.hpp"

namespace nnexp {

std::vector<const Target*> runnable_targets();  // the best one first

}  // namespace nnexp
