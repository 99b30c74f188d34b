#include <dispatchctl/assignment.h>

#include <array>
#include <charconv>
#include <system_error>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

absl::Status ApplyCsvMapping(std::string_view text, std::vector<CsvMapping>& out) {
  constexpr std::string_view kIgnored = "-";
  // A column's name may have an equals sign in it, a field's has not.
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError("expected COLUMN=FIELD");
  }
  CsvMapping mapping{.column = std::string(text.substr(0, equals)),
                     .field = std::string(text.substr(equals + 1))};
  if (mapping.column == "*" && mapping.field != kIgnored) {
    return absl::InvalidArgumentError("* stands for many columns, which can only be ignored: '*=-'");
  }
  bool known = mapping.field == kIgnored;
  std::string fields;
  VisitFields(AssignmentUpdate{}, [&](std::string_view name, const auto& /*field*/) {
    known = known || mapping.field == name;
    fields += fmt::format("{}, ", name);
  });
  if (!known) return absl::InvalidArgumentError(fmt::format("expected {}or - as the field", fields));
  for (const CsvMapping& other : out) {
    if (other.column == mapping.column) return absl::InvalidArgumentError("the column is mapped already");
  }
  if (mapping.field == kIgnored) mapping.field.clear();
  out.push_back(std::move(mapping));
  return absl::OkStatus();
}

absl::Status ApplyRate(std::string_view text, std::optional<double>& out) {
  constexpr double kMost = 1e9;
  double number = 0.0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const std::string_view unit = text.substr(static_cast<std::size_t>(stop - text.data()));
  const double seconds = unit == "/s" ? 1.0 : unit == "/m" ? 60.0 : unit == "/h" ? 3600.0 : 0.0;
  if (error != std::errc{} || seconds == 0.0) {
    return absl::InvalidArgumentError(
        "expected a number of assignments a second, a minute or an hour, such as 500/s or 30/m");
  }
  if (!(number > 0.0) || number / seconds > kMost) {
    return absl::InvalidArgumentError("must be more than zero, and at most a billion a second");
  }
  out = number / seconds;
  return absl::OkStatus();
}

constexpr std::array kInputFormats{Choice<InputFormat>{"auto", InputFormat::kAuto},
                                   Choice<InputFormat>{"ndjson", InputFormat::kNdjson},
                                   Choice<InputFormat>{"csv", InputFormat::kCsv}};
constexpr std::array kInputFormatNames = NamesOf(kInputFormats);

constexpr std::array kBadRecords{Choice<BadRecord>{"fail", BadRecord::kFail},
                                 Choice<BadRecord>{"skip", BadRecord::kSkip},
                                 Choice<BadRecord>{"report", BadRecord::kReport}};
constexpr std::array kBadRecordNames = NamesOf(kBadRecords);

constexpr std::array kFailOn{Choice<FailOn>{"none", FailOn::kNone},
                             Choice<FailOn>{"rejected", FailOn::kRejected}};
constexpr std::array kFailOnNames = NamesOf(kFailOn);

constexpr std::array kSummaryFormats{
    Choice<SummaryFormat>{"auto", SummaryFormat::kAuto}, Choice<SummaryFormat>{"text", SummaryFormat::kText},
    Choice<SummaryFormat>{"json", SummaryFormat::kJson}, Choice<SummaryFormat>{"none", SummaryFormat::kNone}};
constexpr std::array kSummaryFormatNames = NamesOf(kSummaryFormats);

constexpr std::array kAssignOptions{
    OptionSpec{.name = "file",
               .letter = 'f',
               .value_name = "FILE|-",
               .help = "read assignments from FILE, one a line; - is standard input; repeatable",
               .arity = OptionArity::kRepeated,
               .kind = ValueKind::kFile,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     line.assign.files.emplace_back(v);
                     return v.empty() ? absl::InvalidArgumentError("must not be empty") : absl::OkStatus();
                   }},
    OptionSpec{.name = "in",
               .value_name = "FORMAT",
               .help = "auto, ndjson or csv; auto tells by the file's name or its first line",
               .choices = kInputFormatNames,
               .built_in = "auto",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyChoice<InputFormat>(v, kInputFormats, line.assign.input_format);
                   }},
    OptionSpec{.name = "csv-map",
               .value_name = "COLUMN=FIELD",
               .help =
                   "which field a column of CSV gives; - as the field ignores the column, * as the column "
                   "means all others; repeatable",
               .arity = OptionArity::kRepeated,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyCsvMapping(v, line.assign.csv_map); }},
    OptionSpec{.name = "window",
               .value_name = "N",
               .help = "most assignments sent and not yet answered (default 4096)",
               .kind = ValueKind::kNumber,
               .built_in = "4096",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyNumber(v, 1, 1'048'576, line.assign.window); }},
    OptionSpec{.name = "streams",
               .value_name = "K",
               .help = "share the work over K streams, on as many endpoints as there are; each courier's "
                       "assignments keep their order (default 1)",
               .kind = ValueKind::kNumber,
               .built_in = "1",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyNumber(v, 1, 64, line.assign.streams); }},
    OptionSpec{.name = "bad-record",
               .value_name = "ACTION",
               .help = "what a line that cannot be used does: fail (default), skip or report",
               .choices = kBadRecordNames,
               .built_in = "fail",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyChoice<BadRecord>(v, kBadRecords, line.assign.bad_record);
                   }},
    OptionSpec{.name = "max-line",
               .value_name = "SIZE",
               .help = "longest line accepted (default 1MiB)",
               .kind = ValueKind::kNumber,
               .built_in = "1MiB",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplySize(v, 1, std::size_t{1} << 30U, line.assign.max_line);
                   }},
    OptionSpec{.name = "rate",
               .value_name = "N/s",
               .help = "send no more than N assignments a second, or N/m a minute",
               .apply = [](CommandLine& line, std::string_view v) { return ApplyRate(v, line.assign.rate); }},
    OptionSpec{
        .name = "no-resume",
        .help = "end with the first stream that is lost, instead of going on with another; what is then "
                "unanswered is reported",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.assign.no_resume); }},
    OptionSpec{.name = "drain-timeout",
               .value_name = "DUR",
               .help = "how long to wait for results after SIGINT or SIGTERM (default 5s)",
               .built_in = "5s",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyDuration(v, 0ns, line.assign.drain_timeout); }},
    OptionSpec{
        .name = "ordered",
        .help = "print results in the order of the input, not in that of the server",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.assign.ordered); }},
    OptionSpec{
        .name = "detail",
        .help = "add courier, zone, line, latency, attempt and endpoint to each result",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.assign.detail); }},
    OptionSpec{
        .name = "fail-on",
        .value_name = "WHAT",
        .help = "none (default) or rejected: exit 7 when an assignment was rejected",
        .choices = kFailOnNames,
        .built_in = "none",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyChoice<FailOn>(v, kFailOn, line.assign.fail_on); }},
    OptionSpec{.name = "summary",
               .value_name = "FORMAT",
               .help = "auto, text, json or none, on stderr; auto is text on a terminal and none elsewhere",
               .choices = kSummaryFormatNames,
               .built_in = "auto",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyChoice<SummaryFormat>(v, kSummaryFormats, line.assign.summary);
                   }},
    OptionSpec{
        .name = "dry-run",
        .help = "read and check the input, send nothing",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.assign.dry_run); }},
    OptionSpec{.name = "out",
               .value_name = "FILE",
               .help = "write results to FILE, which must be new or empty, instead of standard output",
               .kind = ValueKind::kFile,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     if (v == "-") {
                       return absl::InvalidArgumentError("without --out, results go to standard output");
                     }
                     return ApplyText(v, line.assign.out_file);
                   }},
    OptionSpec{.name = "continue",
               .help = "go on with the --out file of an earlier run: what it answers is not sent again",
               .arity = OptionArity::kFlag,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyBool(v, line.assign.continue_out); }},
    OptionSpec{.name = "unacknowledged",
               .value_name = "FILE",
               .help = "write assignments that got no result to FILE, as lines that assign -f reads",
               .kind = ValueKind::kFile,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyText(v, line.assign.unacknowledged_file); }},
};

}  // namespace

std::span<const OptionSpec> AssignOptionTable() {
  return kAssignOptions;
}

}  // namespace dispatchctl::cli
