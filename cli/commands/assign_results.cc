#include "commands/assign_results.h"

#include <chrono>

#include "input/input_files.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kLeastColumnWidth = 16;

template <class Value>
bool HasField(std::string_view wanted) {
  bool found = false;
  VisitFields(Value{},
              [&](std::string_view name, const auto& /*field*/) { found = found || name == wanted; });
  return found;
}

// Fields of the update that its result does not repeat.
template <class Visitor>
void VisitOwnFields(const AssignmentUpdate& update, Visitor&& visitor) {
  VisitFields(update, [&](std::string_view name, const auto& field) {
    if (!HasField<AssignmentResult>(name)) visitor(name, field);
  });
}

}  // namespace

std::vector<Column> AssignColumns(OutputFormat format, bool detail) {
  std::vector<Column> columns = ColumnsOf<AssignmentResult>(kLeastColumnWidth);
  if (detail) {
    VisitOwnFields({}, [&](std::string_view name, const auto& /*field*/) {
      columns.push_back({.name = std::string(name), .least_width = kLeastColumnWidth});
    });
  }
  if (detail || format != OutputFormat::kTable) columns.push_back({.name = "line", .least_width = 6});
  if (detail) {
    columns.push_back({.name = "latency_us", .least_width = 10});
    columns.push_back({.name = "attempt", .least_width = 7});
    columns.push_back({.name = "endpoint", .least_width = kLeastColumnWidth});
  }
  return columns;
}

void AssignResults::OnResult(const AssignmentOutcome& outcome) {
  {
    const std::lock_guard lock(mutex_);
    ++(outcome.result.accepted ? accepted_ : rejected_);
    latency_.Add(outcome.latency);
  }
  records_.Write([&](RecordFormat& format, std::string& out) {
    WriteFields(format, out, outcome.result);
    if (!detail_) return;
    VisitOwnFields(outcome.update,
                   [&](std::string_view name, const auto& field) { WriteField(format, out, name, field); });
    format.NumberField(out, "line", LinePlace::Unpack(outcome.tag).line);
    const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(outcome.latency).count();
    format.NumberField(out, "latency_us", static_cast<std::uint64_t>(latency));
    format.NumberField(out, "attempt", static_cast<std::uint64_t>(outcome.attempt));
    format.TextField(out, "endpoint", outcome.endpoint);
  });
}

void AssignResults::AddTo(AssignSummary& summary) const {
  const std::lock_guard lock(mutex_);
  summary.accepted = accepted_;
  summary.rejected = rejected_;
  summary.latency = latency_;
}

}  // namespace dispatchctl::cli
