#include <dispatchctl/version.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "commands/command.h"

namespace dispatchctl::cli {
namespace {

#if defined(__clang__)
constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "gcc " __VERSION__;
#endif

}  // namespace

CommandResult RunVersion(const CommandContext& context) {
  std::string text;
  // Only when asked for: whoever pipes the version wants to read it.
  const OutputFormat asked = context.line.global.output;
  if (asked == OutputFormat::kJson || asked == OutputFormat::kNdjson) {
    text = nlohmann::ordered_json{{"version", kVersion},
                                  {"grpc", DISPATCHCTL_GRPC_VERSION},
                                  {"protobuf", DISPATCHCTL_PROTOBUF_VERSION},
                                  {"compiler", kCompiler},
                                  {"build_type", DISPATCHCTL_BUILD_TYPE},
                                  {"linkage", DISPATCHCTL_LINKAGE}}
               .dump() +
           "\n";
  } else {
    text =
        fmt::format("dispatchctl {}\ngRPC {} ({}), protobuf {}\n{}, {}\n", kVersion, DISPATCHCTL_GRPC_VERSION,
                    DISPATCHCTL_LINKAGE, DISPATCHCTL_PROTOBUF_VERSION, kCompiler, DISPATCHCTL_BUILD_TYPE);
  }
  const int error_number = WriteToStdout(text);
  if (error_number != 0) return OutputError("stdout", error_number);
  return std::nullopt;
}

}  // namespace dispatchctl::cli
