#include <dispatchctl/courier_status.h>
#include <fmt/format.h>

#include <array>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

absl::Status ApplyCondition(std::string_view text, std::vector<FieldCondition>& out) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError("expected FIELD=VALUE or FIELD!=VALUE");
  }
  const bool differs = text[equals - 1] == '!';
  FieldCondition condition{.field = std::string(text.substr(0, differs ? equals - 1 : equals)),
                           .value = std::string(text.substr(equals + 1)),
                           .equal = !differs};
  bool known = false;
  std::string fields;
  VisitFields(CourierStatus{}, [&](std::string_view name, const auto& /*field*/) {
    known = known || condition.field == name;
    fields += fmt::format("{}{}", fields.empty() ? "" : ", ", name);
  });
  if (!known) return absl::InvalidArgumentError(fmt::format("expected one of {} as the field", fields));
  out.push_back(std::move(condition));
  return absl::OkStatus();
}

constexpr std::array kLookupOptions{
    OptionSpec{.name = "file",
               .letter = 'f',
               .value_name = "FILE|-",
               .help = "read courier ids from FILE, one a line; - is standard input; repeatable",
               .arity = OptionArity::kRepeated,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     line.lookup.sources.push_back({.text = std::string(v), .is_file = true});
                     return v.empty() ? absl::InvalidArgumentError("must not be empty") : absl::OkStatus();
                   }},
    OptionSpec{.name = "parallel",
               .value_name = "N",
               .help = "most lookups in flight at once (default 64)",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyNumber(v, 1, 65'536, line.lookup.parallel); }},
    OptionSpec{
        .name = "unordered",
        .help = "print each result as it comes, not in the order of the ids",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.lookup.unordered); }},
    OptionSpec{
        .name = "watch",
        .help = "look the couriers up again and again, each result with its time",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.lookup.watch.on); }},
    OptionSpec{
        .name = "interval",
        .value_name = "DUR",
        .help = "how often --watch looks them up, at least 10ms (default 2s)",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyDuration(v, 10ms, line.lookup.watch.interval); }},
    OptionSpec{.name = "changes-only",
               .help = "of what --watch finds, print only what differs from before",
               .arity = OptionArity::kFlag,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyBool(v, line.lookup.watch.changes_only); }},
    OptionSpec{.name = "until",
               .value_name = "FIELD=VALUE",
               .help = "end --watch, with exit status 0, once this holds for every courier; FIELD!=VALUE for "
                       "what is not to be; repeatable, then all of them",
               .arity = OptionArity::kRepeated,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyCondition(v, line.lookup.watch.until); }},
    OptionSpec{
        .name = "for",
        .value_name = "DUR",
        .help = "end --watch after this time; exit status 7 when --until has not been met by then",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyOptionalDuration(v, 1ns, line.lookup.watch.longest); }},
};

}  // namespace

std::span<const OptionSpec> LookupOptionTable() {
  return kLookupOptions;
}

}  // namespace dispatchctl::cli
