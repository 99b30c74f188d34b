#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "config/suggestion.h"
#include "contract/contract_text.h"

namespace dispatchctl::cli {
namespace {

// By its own name, or by its full one as .proto files or gRPC's paths write it.
bool IsNamed(const ContractElement& element, std::string_view name) {
  std::string dotted(name.substr(name.substr(0, 1) == "/" ? 1 : 0));
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  return element.name == dotted || element.full_name == dotted;
}

ErrorReport UnknownElement(const std::string& name) {
  std::vector<std::string_view> known;
  for (const ContractElement& element : ContractElements()) known.push_back(element.name);
  return UsageError(fmt::format("the contract has no '{}'", name),
                    DidYouMean(name, known, fmt::format("it has {}", fmt::join(known, ", "))));
}

// One object, with each message's schema under its name.
std::string AllSchemas() {
  std::string out = "{\n";
  for (const ContractElement& element : ContractElements()) {
    if (element.schema.empty()) continue;
    if (out.size() > 2) out += ",\n";
    out += fmt::format("\"{}\": {}", element.name, element.schema.substr(0, element.schema.size() - 1));
  }
  return out + "\n}\n";
}

}  // namespace

CommandResult RunDescribe(const CommandContext& context) {
  const bool as_schema = context.line.describe.json_schema;
  std::string text;
  if (context.line.operands.empty()) {
    text = as_schema ? AllSchemas() : std::string(ContractText());
  } else {
    const std::string& name = context.line.operands.front();
    const auto elements = ContractElements();
    const auto element = std::find_if(elements.begin(), elements.end(),
                                      [&](const ContractElement& each) { return IsNamed(each, name); });
    if (element == elements.end()) return UnknownElement(name);
    if (as_schema && element->schema.empty()) {
      return UsageError(
          fmt::format("{} is a {}, and only messages have a JSON Schema", element->name, element->kind),
          element->messages.empty() ? "" : fmt::format("its messages are {}", element->messages));
    }
    text = as_schema ? element->schema : element->text;
  }
  const int error_number = WriteToStdout(text);
  if (error_number != 0) return OutputError("stdout", error_number);
  return std::nullopt;
}

}  // namespace dispatchctl::cli
