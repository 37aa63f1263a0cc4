#include "network/schedule.h"

#include <algorithm>
#include <stdexcept>

#include "network/spec.h"

namespace fastmlp {
namespace {

template <class Row>
ScheduleRow make_row() {
    static_assert(Row::count <= largest_schedule_values, "math/schedules.h says how many there may be");
    std::vector<Hyperparameter> rows;
    for (int i = 0; i < Row::count; ++i) rows.push_back(Row::hyperparameters[i]);
    rows.push_back(warmup_row);
    return {Row::name, Row::formula, rows, Row::factor};
}

template <class... Rows>
std::vector<ScheduleRow> make_rows(Catalog<Rows...>) {
    return {make_row<Rows>()...};
}

const ScheduleRow& row_of(const Schedule& schedule) { return schedules()[static_cast<std::size_t>(schedule.id)]; }

double warmup_epochs(const Schedule& schedule) { return schedule.of[row_of(schedule).hyperparameters.size() - 1]; }

}  // namespace

const std::vector<ScheduleRow>& schedules() {
    static const std::vector<ScheduleRow> rows = make_rows(Schedules());
    return rows;
}

Schedule make_schedule(const std::string& name, const Named& values) {
    Schedule schedule;
    schedule.id = id_of(name, Schedules::names, Schedules::size, "schedule");
    const std::vector<Hyperparameter>& rows = row_of(schedule).hyperparameters;
    read_values("schedule '" + name + "'", rows.data(), static_cast<int>(rows.size()), values, schedule.of.data());
    return schedule;
}

void set_time(Schedule& schedule, int64_t samples, int64_t batch, int64_t epochs) {
    schedule.samples = static_cast<double>(samples);
    schedule.steps = static_cast<double>((samples + batch - 1) / batch);
    schedule.total = schedule.steps * static_cast<double>(epochs);
}

bool belongs_to_a_schedule(const std::string& name) {
    return std::any_of(schedules().begin(), schedules().end(), [&](const ScheduleRow& row) {
        return position_of(name, row.hyperparameters.data(), static_cast<int>(row.hyperparameters.size())) >= 0;
    });
}

bool Schedule::is_constant() const { return id == IdOf<Constant, Schedules>::value && warmup_epochs(*this) == 0; }

double Schedule::factor(int64_t taken, int64_t reductions) const {
    const double warmup = warmup_epochs(*this) * steps, t = static_cast<double>(taken);
    const double left = std::max(1.0, total - warmup);
    const double factor =
        row_of(*this).factor(of.data(), {std::min(left, std::max(0.0, t - warmup)), steps, samples, left, static_cast<double>(reductions)});
    return t < warmup ? factor * ((t + 1) / (warmup + 1)) : factor;
}

}  // namespace fastmlp
