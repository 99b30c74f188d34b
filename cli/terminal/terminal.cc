#include "terminal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

bool UseColor(ColorMode mode, bool is_terminal, const Environment& environment) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  const auto value = [&environment](std::string_view name) { return environment(name).value_or(""); };
  if (!value("NO_COLOR").empty()) return false;
  for (const std::string_view name : {"CLICOLOR_FORCE", "FORCE_COLOR"}) {
    if (!value(name).empty() && value(name) != "0") return true;
  }
  if (value("CLICOLOR") == "0") return false;
  return is_terminal && value("TERM") != "dumb";
}

Terminal InspectTerminal(ColorMode mode, const Environment& environment) {
  Terminal terminal;
  terminal.output_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  terminal.error_is_terminal = ::isatty(STDERR_FILENO) == 1;
  terminal.output_color = UseColor(mode, terminal.output_is_terminal, environment);
  terminal.error_color = UseColor(mode, terminal.error_is_terminal, environment);
  const std::string_view term = environment("TERM").value_or("");
  terminal.error_can_erase = terminal.error_is_terminal && !term.empty() && term != "dumb";
  return terminal;
}

bool LocaleIsUtf8(const Environment& environment) {
  for (const std::string_view name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment(name).value_or("");
    if (value.empty()) continue;
    std::string charset(value.substr(std::min(value.find('.'), value.size())));
    for (char& c : charset) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return charset.starts_with(".utf-8") || charset.starts_with(".utf8");
  }
  return false;
}

std::size_t ErrorColumns() {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return size.ws_col;
}

OutputFormat ResolveOutputFormat(OutputFormat format, bool output_is_terminal) {
  if (format != OutputFormat::kAuto) return format;
  return output_is_terminal ? OutputFormat::kTable : OutputFormat::kNdjson;
}

bool WantsJsonErrors(ErrorFormat error_format, OutputFormat resolved_output) {
  if (error_format != ErrorFormat::kAuto) return error_format == ErrorFormat::kJson;
  return resolved_output == OutputFormat::kJson || resolved_output == OutputFormat::kNdjson;
}

}  // namespace dispatchctl::cli
