// One piece of memory for all buffers of a training, cut into aligned parts: nothing is allocated during an epoch.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>

#include "kernel.hpp"

namespace nnexp::NNEXP_TARGET {

class Arena {
public:
    static constexpr std::size_t line = 64;  // bytes of a cache line, and of the widest register

    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() { std::free(memory_); }

    // Two rounds: in the first, parts are only counted; then `allocate`; in the second they are handed out in the same order.
    template <class T>
    T* part(Index count) {
        const std::size_t bytes = (std::size_t(count) * sizeof(T) + line - 1) / line * line;
        char* const found = memory_ ? memory_ + used_ : nullptr;
        if (count < 0 || used_ + bytes < used_) throw std::bad_alloc();
        used_ += bytes;
        return reinterpret_cast<T*>(found);
    }

    void allocate() {
        memory_ = static_cast<char*>(std::aligned_alloc(line, used_ + line));
        if (!memory_) throw std::bad_alloc();
        std::memset(memory_, 0, used_ + line);
        used_ = 0;
    }

private:
    char* memory_ = nullptr;
    std::size_t used_ = 0;
};

}  // namespace nnexp::NNEXP_TARGET
