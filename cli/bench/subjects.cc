#include "bench/subjects.h"

#include <absl/status/statusor.h>
#include <dispatchctl/assignment.h>
#include <dispatchctl/validation.h>
#include <fmt/format.h>

#include <utility>

#include "input/courier_id_line.h"
#include "input/input_files.h"
#include "input/update_reader.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kMaxLine = std::size_t{1} << 20U;

ErrorReport BadLine(const InputFiles& files, LinePlace place, std::string_view problem) {
  return InputError(fmt::format("{}: {}", files.Describe(place), problem));
}

std::optional<ErrorReport> ReadIds(InputFiles& files, std::vector<BenchSubject>& subjects) {
  Line line;
  for (;;) {
    const LineReader::Result result = files.Next(line);
    const LinePlace place{.input = files.current(), .line = line.number};
    switch (result) {
      case LineReader::Result::kEnd:
        return std::nullopt;
      case LineReader::Result::kIncomplete:
        if (auto error = files.Fill()) return error;
        break;
      case LineReader::Result::kTooLong:
      case LineReader::Result::kOpenQuote:
        return BadLine(files, place, "line too long to be an id");
      case LineReader::Result::kLine: {
        if (IsBlank(line)) break;
        absl::StatusOr<std::string> id = CourierIdOf({line.data, line.size});
        const absl::Status status = id.ok() ? ValidateId("courier id", *id) : id.status();
        if (!status.ok()) return BadLine(files, place, std::string(status.message()));
        subjects.push_back({.courier_id = *std::move(id), .zone = {}});
        break;
      }
    }
  }
}

std::optional<ErrorReport> ReadAssignments(InputFiles& files, std::vector<BenchSubject>& subjects) {
  const AssignOptions usual;
  UpdateReader reader(files, usual);
  AssignmentUpdate update;
  for (;;) {
    switch (reader.Next(update)) {
      case UpdateReader::Result::kEnd:
        return std::nullopt;
      case UpdateReader::Result::kIncomplete:
        if (auto error = files.Fill()) return error;
        break;
      case UpdateReader::Result::kBadRecord:
      case UpdateReader::Result::kUnreadable:
        return BadLine(files, reader.place(), reader.problem());
      case UpdateReader::Result::kUpdate:
        subjects.push_back({.courier_id = update.courier_id, .zone = update.destination_zone});
        break;
    }
  }
}

}  // namespace

std::optional<ErrorReport> ReadSubjects(const BenchOptions& options, std::vector<BenchSubject>& subjects) {
  for (const std::string& id : options.courier_ids) {
    subjects.push_back({.courier_id = id, .zone = options.zone});
  }
  if (!options.files.empty()) {
    InputFiles files(kMaxLine);
    if (auto error = files.Open(options.files)) return error;
    auto error =
        options.work == BenchWork::kAssign ? ReadAssignments(files, subjects) : ReadIds(files, subjects);
    if (error.has_value()) return error;
    if (subjects.empty()) return InputError(fmt::format("{} holds nothing to send", options.files.front()));
  }
  if (!subjects.empty()) return std::nullopt;
  subjects.reserve(options.couriers);
  for (std::size_t i = 1; i <= options.couriers; ++i) {
    subjects.push_back({.courier_id = fmt::format("courier-{}", i), .zone = options.zone});
  }
  return std::nullopt;
}

}  // namespace dispatchctl::cli
