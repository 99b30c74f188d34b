#include "commands/assign_results.h"

#include <chrono>
#include <utility>

#include "input/input_files.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kLeastResultColumn = 16;

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
  std::vector<Column> columns = ColumnsOf<AssignmentResult>(kLeastResultColumn);
  if (detail) {
    VisitOwnFields({}, [&](std::string_view name, const auto& /*field*/) {
      columns.push_back({.name = std::string(name), .least_width = kLeastResultColumn});
    });
  }
  if (detail || format != OutputFormat::kTable) columns.push_back({.name = "line", .least_width = 6});
  if (detail) {
    columns.push_back({.name = "latency_us", .least_width = 10});
    columns.push_back({.name = "attempt", .least_width = 7});
    columns.push_back({.name = "endpoint", .least_width = kLeastResultColumn});
  }
  return columns;
}

AssignResults::AssignResults(RecordStream& records, Options options)
    : records_(records), options_(std::move(options)) {
  if (options_.ordered_window.has_value()) order_.emplace(*options_.ordered_window);
}

bool AssignResults::Expect(std::uint64_t tag) {
  if (!order_.has_value()) return true;
  const std::lock_guard lock(mutex_);
  if (order_->full()) {
    room_wanted_ = true;
    return false;
  }
  order_->Expect(tag);
  return true;
}

void AssignResults::Withdraw() {
  if (!order_.has_value()) return;
  const std::lock_guard lock(mutex_);
  order_->WithdrawLast();
}

void AssignResults::OnResult(AssignmentOutcome&& outcome) {
  bool flush = false;
  bool room = false;
  {
    const std::lock_guard lock(mutex_);
    ++(outcome.result.accepted ? accepted_ : rejected_);
    latency_.Add(outcome.latency);
    if (order_.has_value()) {
      Held held{.outcome = std::move(outcome), .endpoint = {}, .error = {}};
      if (options_.detail) {
        held.endpoint = held.outcome.endpoint;
      } else {
        held.outcome.update = {};
      }
      const std::uint64_t tag = held.outcome.tag;
      order_->Put(tag, std::move(held));
      flush = PrintDue();
      room = TakeRoomWanted();
    }
  }
  if (!order_.has_value()) {
    records_.Write([&](RecordFormat& format, std::string& out) { Fill(format, out, outcome); });
  }
  if (flush) records_.Flush();
  if (room && options_.on_room) options_.on_room();
}

void AssignResults::Report(std::uint64_t tag, std::string_view assignment_id, const ErrorReport& error,
                           int interrupt_fd) {
  bool flush = false;
  if (order_.has_value()) {
    const std::lock_guard lock(mutex_);
    Held held{.outcome = {}, .endpoint = {}, .error = std::make_unique<ErrorReport>(error)};
    held.outcome.tag = tag;
    held.outcome.result.assignment_id = assignment_id;
    order_->Put(tag, std::move(held));
    flush = PrintDue();
  } else {
    flush = records_.Append(
        [&](RecordFormat& format, std::string& out) { FillError(format, out, assignment_id, tag, error); });
  }
  if (flush) records_.Flush(interrupt_fd);
}

bool AssignResults::PrintDue() {
  bool flush = false;
  while (std::optional<Held> held = order_->Take()) flush = Print(*held) || flush;
  return flush;
}

bool AssignResults::Print(Held& held) {
  return records_.Append([&](RecordFormat& format, std::string& out) {
    if (held.error != nullptr) {
      FillError(format, out, held.outcome.result.assignment_id, held.outcome.tag, *held.error);
    } else {
      held.outcome.endpoint = held.endpoint;
      Fill(format, out, held.outcome);
    }
  });
}

bool AssignResults::TakeRoomWanted() {
  // Not for each single place: waking the feed costs more than a result.
  if (!room_wanted_ || order_->size() > *options_.ordered_window / 2) return false;
  room_wanted_ = false;
  return true;
}

std::size_t AssignResults::held_back() const {
  const std::lock_guard lock(mutex_);
  return order_.has_value() ? order_->held_back() : 0;
}

void AssignResults::PrintHeldBack() {
  const std::lock_guard lock(mutex_);
  if (!order_.has_value()) return;
  while (std::optional<Held> held = order_->TakeAny()) Print(*held);
}

void AssignResults::Fill(RecordFormat& format, std::string& out, const AssignmentOutcome& outcome) const {
  WriteFields(format, out, outcome.result);
  if (!options_.detail) return;
  VisitOwnFields(outcome.update,
                 [&](std::string_view name, const auto& field) { WriteField(format, out, name, field); });
  format.NumberField(out, "line", LinePlace::Unpack(outcome.tag).line);
  const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(outcome.latency).count();
  format.NumberField(out, "latency_us", static_cast<std::uint64_t>(latency));
  format.NumberField(out, "attempt", static_cast<std::uint64_t>(outcome.attempt));
  format.TextField(out, "endpoint", outcome.endpoint);
}

void AssignResults::FillError(RecordFormat& format, std::string& out, std::string_view assignment_id,
                              std::uint64_t tag, const ErrorReport& error) {
  if (!assignment_id.empty()) format.TextField(out, "assignment_id", assignment_id);
  format.NumberField(out, "line", LinePlace::Unpack(tag).line);
  format.Error(out, error);
}

std::uint64_t AssignResults::count() const {
  const std::lock_guard lock(mutex_);
  return accepted_ + rejected_;
}

void AssignResults::AddTo(AssignSummary& summary) const {
  const std::lock_guard lock(mutex_);
  summary.accepted = accepted_;
  summary.rejected = rejected_;
  summary.latency = latency_;
}

}  // namespace dispatchctl::cli
