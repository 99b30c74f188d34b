#include "config/flag_names.h"

#include <utility>

namespace dispatchctl::cli {

std::string WithFlagName(std::string_view message) {
  constexpr std::pair<std::string_view, std::string_view> kFlags[] = {{"tls.ca_file", "--cacert"},
                                                                      {"tls.certificate_file", "--cert"},
                                                                      {"tls.private_key_file", "--key"},
                                                                      {"token_file", "--token-file"}};
  for (const auto& [option, flag] : kFlags) {
    if (message.substr(0, option.size()) != option || message.substr(option.size(), 1) != ":") continue;
    return std::string(flag).append(message.substr(option.size()));
  }
  return std::string(message);
}

}  // namespace dispatchctl::cli
