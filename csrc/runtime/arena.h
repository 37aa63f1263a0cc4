// Memory for a plan: one zeroed block, handed out in lines of 64 bytes. A layout function runs twice, first over an empty arena
// to measure, then over the real one to place, so that sizes and places are written once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>

namespace fastmlp {

inline int64_t checked_product(int64_t a, int64_t b) {
    int64_t product;
    if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) throw std::length_error("a size exceeds 64 bits");
    return product;
}

inline int64_t checked_sum(int64_t a, int64_t b) {
    int64_t sum;
    if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum)) throw std::length_error("a size exceeds 64 bits");
    return sum;
}

class Arena {
public:
    static constexpr std::size_t line = 64;

    Arena() = default;  // measures only
    explicit Arena(std::size_t bytes) : memory_(static_cast<char*>(std::aligned_alloc(line, bytes + line)), std::free) {
        if (!memory_) throw std::bad_alloc();
        std::memset(memory_.get(), 0, bytes + line);  // one line more: kernels may read a vector past the last row
    }

    // `count` zeros, aligned to a line; null while measuring.
    template <class T>
    T* take(int64_t count) {
        const std::size_t bytes = static_cast<std::size_t>(checked_product(count, sizeof(T)));
        T* const place = memory_ ? reinterpret_cast<T*>(memory_.get() + used_) : nullptr;
        if (bytes > std::numeric_limits<std::size_t>::max() / 2 - used_) throw std::bad_alloc();
        used_ += (bytes + line - 1) / line * line;
        return place;
    }
    std::size_t used() const { return used_; }

private:
    std::unique_ptr<char, void (*)(void*)> memory_{nullptr, std::free};
    std::size_t used_ = 0;
};

// Calls layout(arena) twice and returns the arena that holds the result.
template <class Layout>
Arena place(const Layout& layout) {
    Arena measure;
    layout(measure);
    Arena arena(measure.used());
    layout(arena);
    return arena;
}

}  // namespace fastmlp
