// What of a network is not plain: all that its layers have beside y = f(x W + b). A field for each such thing; the empty structure is the
// plain network.
#pragma once

namespace fastmlp {

struct Structure {
    bool is_plain() const { return true; }
};

}  // namespace fastmlp
