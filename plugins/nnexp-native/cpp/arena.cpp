#include "arena.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

namespace nnexp {

namespace {
constexpr std::size_t ALIGNMENT = 64;  // a cache line, and the widest vector
}

Arena::~Arena() { std::free(whole_); }

void* Arena::take(std::size_t count, std::size_t size) {
    std::size_t bytes, end;
    if (__builtin_mul_overflow(count, size, &bytes) || __builtin_add_overflow(used_, bytes, &end) ||
        end > SIZE_MAX - 2 * ALIGNMENT)
        throw std::bad_alloc();
    void* place = start_ ? start_ + used_ : nullptr;
    used_ = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return place;
}

void Arena::allocate() {
    whole_ = static_cast<char*>(std::calloc(used_ + ALIGNMENT, 1));
    if (!whole_) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(whole_);
    start_ = whole_ + (ALIGNMENT - address % ALIGNMENT) % ALIGNMENT;
    used_ = 0;
}

}  // namespace nnexp
