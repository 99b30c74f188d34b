#pragma once

#include <span>
#include <string_view>

namespace dispatchctl::cli {

/// One service, method or message of the contract that this program was built with.
struct ContractElement {
  std::string_view kind;       ///< "service", "method" or "message"
  std::string_view name;       ///< "GetCourierStatus"
  std::string_view full_name;  ///< "dispatchpb.DispatchGateway.GetCourierStatus"
  std::string_view text;       ///< as the .proto file has it, with its comment
  std::string_view schema;     ///< JSON Schema of a message's JSON form; empty for others
  std::string_view messages;   ///< of a method, for people: "A and B"
};

/// In the order of the .proto file. Generated at build time.
std::span<const ContractElement> ContractElements();

/// The whole .proto file.
std::string_view ContractText();

}  // namespace dispatchctl::cli
