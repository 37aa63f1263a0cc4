// A hash of numbers that does not depend on where they were computed.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

namespace fastmlp {

// FNV-1a over the bytes of numbers (little-endian machines only).
class Hash {
public:
    template <class T>
    void add(const T* values, int64_t count) {
        unsigned char bytes[sizeof(T)];
        for (int64_t i = 0; i < count; ++i) {
            // The sign of a NaN is the processor's choice.
            const T value = values[i] == values[i] ? values[i] : std::numeric_limits<T>::max();
            std::memcpy(bytes, &value, sizeof(T));
            for (const unsigned char byte : bytes) state_ = (state_ ^ byte) * 0x100000001b3;
        }
    }
    uint64_t state() const { return state_; }

private:
    uint64_t state_ = 0xcbf29ce484222325;
};

}  // namespace fastmlp
