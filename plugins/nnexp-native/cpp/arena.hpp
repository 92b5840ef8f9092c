// All buffers of a trainer in one piece of memory, taken once: an epoch allocates nothing.
#pragma once

#include <cstddef>

namespace nnexp {

class Arena {
public:
    Arena() = default;
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // Before allocate() it counts and answers null; after it, it hands out zeroed room aligned to 64 bytes.
    // The same calls in the same order are made twice. Throws std::bad_alloc where the sum is too large.
    void* take(std::size_t count, std::size_t size);
    template <class T>
    T* take(std::size_t count) {
        return static_cast<T*>(take(count, sizeof(T)));
    }
    void allocate();

private:
    char* whole_ = nullptr;
    char* start_ = nullptr;
    std::size_t used_ = 0;
};

}  // namespace nnexp
