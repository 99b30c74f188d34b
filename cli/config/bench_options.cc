#include <array>
#include <charconv>
#include <system_error>
#include <utility>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostCalls = std::size_t{1} << 40U;

absl::Status ApplyRps(std::string_view text, std::optional<double>& out) {
  constexpr double kMost = 1e6;
  double number = 0.0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const std::string_view unit = text.substr(static_cast<std::size_t>(stop - text.data()));
  if (error != std::errc{} || (!unit.empty() && unit != "/s")) {
    return absl::InvalidArgumentError("expected a number of calls a second, such as 1000 or 0.5");
  }
  if (!(number > 0.0) || number > kMost) {
    return absl::InvalidArgumentError("must be more than zero, and at most a million a second");
  }
  out = number;
  return absl::OkStatus();
}

absl::Status ApplyOptionalNumber(std::string_view text, std::size_t least, std::size_t most,
                                 std::optional<std::size_t>& out) {
  std::size_t number = 0;
  absl::Status status = ApplyNumber(text, least, most, number);
  if (status.ok()) out = number;
  return status;
}

absl::Status ApplyCount(std::string_view text, std::optional<std::uint64_t>& out) {
  std::size_t number = 0;
  absl::Status status = ApplyNumber(text, 1, kMostCalls, number);
  if (status.ok()) out = number;
  return status;
}

absl::Status ApplyThreshold(std::string_view text, std::vector<Threshold>& out) {
  absl::StatusOr<Threshold> threshold = ParseThreshold(text);
  if (!threshold.ok()) return std::move(threshold).status();
  out.push_back(*std::move(threshold));
  return absl::OkStatus();
}

constexpr std::array kBenchOptions{
    OptionSpec{
        .name = "rps",
        .value_name = "R",
        .help = "open loop: start R calls a second, each at its time (default 100, without --concurrency)",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyRps(v, line.bench.rate); }},
    OptionSpec{.name = "concurrency",
               .value_name = "N",
               .help = "most in flight, up to 65536 (default 10000; assignments: 4096); without --rps a "
                       "closed loop that keeps N in flight",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyOptionalNumber(v, 1, 65'536, line.bench.concurrency);
                   }},
    OptionSpec{
        .name = "duration",
        .value_name = "DUR",
        .help = "how long to start calls, after the warm-up (default 10s, without --count)",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyOptionalDuration(v, 1ms, line.bench.duration); }},
    OptionSpec{
        .name = "count",
        .value_name = "N",
        .help = "start N calls, after the warm-up; with --duration, whichever comes first",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyCount(v, line.bench.count); }},
    OptionSpec{
        .name = "warmup",
        .value_name = "DUR",
        .help = "leave calls that should start within DUR of the begin out of the figures (default 0s)",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyDuration(v, 0ns, line.bench.warmup); }},
    OptionSpec{.name = "threshold",
               .value_name = "BOUND",
               .help = "exit 7 unless it holds: p99<20ms, mean<5ms, max<1s, errors<0.1%, errors<=3, "
                       "rate>=9900/s and so on; repeatable",
               .arity = OptionArity::kRepeated,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyThreshold(v, line.bench.thresholds); }},
    OptionSpec{.name = "file",
               .letter = 'f',
               .value_name = "FILE|-",
               .help =
                   "take couriers from FILE, as lookup reads it, or couriers and zones, as assign reads it; "
                   "- is standard input; repeatable",
               .arity = OptionArity::kRepeated,
               .kind = ValueKind::kFile,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     line.bench.files.emplace_back(v);
                     return v.empty() ? absl::InvalidArgumentError("must not be empty") : absl::OkStatus();
                   }},
    OptionSpec{
        .name = "couriers",
        .value_name = "N",
        .help = "without ids and files, use courier-1 to courier-N (default 1000)",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyNumber(v, 1, 10'000'000, line.bench.couriers); }},
    OptionSpec{.name = "zone",
               .value_name = "ZONE",
               .help = "assign: the destination of assignments that are not from a file (default zone-1)",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     line.bench.zone_given = true;
                     line.bench.zone = v;
                     return absl::OkStatus();
                   }},
    OptionSpec{.name = "streams",
               .value_name = "K",
               .help = "assign: share the work over K streams (default 1)",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyOptionalNumber(v, 1, 64, line.bench.streams); }},
    OptionSpec{
        .name = "window",
        .value_name = "N",
        .help = "assign: another name of --concurrency, and up to 1048576",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyOptionalNumber(v, 1, 1'048'576, line.bench.window); }},
};

}  // namespace

std::span<const OptionSpec> BenchOptionTable() {
  return kBenchOptions;
}

}  // namespace dispatchctl::cli
