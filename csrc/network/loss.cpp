#include "network/loss.h"

#include <stdexcept>

#include "network/range.h"
#include "network/spec.h"

namespace fastmlp {
namespace {

template <class Row>
LossRow make_row() {
    static_assert(Row::constant_count <= largest_loss_constants, "math/losses.h says how many there may be");
    static_assert(!Row::constants[0].for_each_output || Row::constant_count == 1, "kernels/rows.h reads them one an output");
    return {Row::name, Row::formula, Row::constants, Row::constant_count, Row::smooths, Row::is_margin, Row::log_outputs, Row::targets};
}

template <class... Rows>
std::vector<LossRow> make_rows(Catalog<Rows...>) {
    return {make_row<Rows>()...};
}

int constant_id(const LossRow& row, const std::string& name) {
    std::string choices;
    for (int i = 0; i < row.count; ++i) {
        if (name == row.constants[i].name) return i;
        choices += std::string(i ? ", " : "") + row.constants[i].name;
    }
    throw std::invalid_argument("loss '" + std::string(row.name) + "' has no '" + name + "'" +
                                (row.count ? "; it has: " + choices : "; it has no constants"));
}

// One value for all outputs becomes one for each where the kernel reads them so.
std::vector<double> values_of(const LossConstant& row, const std::vector<double>& given, int64_t outputs) {
    for (const double value : given) require_range(row.name, value, row.least, row.below);
    const auto count = static_cast<int64_t>(given.size());
    if (!row.for_each_output) {
        if (count != 1) throw std::invalid_argument(std::string(row.name) + " is one number; got " + std::to_string(count));
        return given;
    }
    if (count == 1) return std::vector<double>(static_cast<std::size_t>(outputs), given[0]);
    if (count != outputs)
        throw std::invalid_argument(std::string(row.name) + " has " + std::to_string(count) + " values for " + std::to_string(outputs) +
                                    " outputs; give one, or one for each");
    return given;
}

}  // namespace

const std::vector<LossRow>& losses() {
    static const std::vector<LossRow> rows = make_rows(Losses());
    return rows;
}

Loss make_loss(const std::string& name, const NamedLists& constants, int64_t outputs) {
    Loss loss;
    loss.id = loss_id(name);
    const LossRow& row = loss.row();
    std::vector<std::vector<double>> values;
    for (int i = 0; i < row.count; ++i) values.push_back({row.constants[i].initial});
    for (const auto& [key, given] : constants) values[static_cast<std::size_t>(constant_id(row, key))] = given;
    for (int i = 0; i < row.count; ++i) {
        const std::vector<double> all = values_of(row.constants[i], values[static_cast<std::size_t>(i)], outputs);
        loss.constants.insert(loss.constants.end(), all.begin(), all.end());
    }
    return loss;
}

template <class T>
LossInUse<T>::LossInUse(const KernelTable<T>& kernels, const Loss& loss, int output_unit) : weigh(kernels.weigh) {
    const bool smooths = loss.row().smooths && loss.constants[0] != 0;
    kernel = kernels.loss[loss.id][smooths ? 1 : 0][output_unit];
    for (const double value : loss.constants) constants.push_back(static_cast<T>(value));
}

template struct LossInUse<float>;
template struct LossInUse<double>;

}  // namespace fastmlp
