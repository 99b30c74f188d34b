// W3C Trace Context: the client's check of traceparent and the mock server's reader of it, which know nothing
// of each other, agree. The first line is traceparent, the rest tracestate.

#include <algorithm>
#include <string>

#include "dispatchctl/trace_context.h"
#include "fuzz_input.h"
#include "mock-server/observation/trace_context.h"

using dispatchctl::TraceContext;
using dispatchctl::ValidateTraceContext;
using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;

namespace {

bool IsHeaderValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::string parent(input.Line());
  const std::string state(input.rest());
  const bool parent_valid = ValidateTraceContext({parent, {}}).ok();
  const auto read = dispatchctl::mock::ParseTraceparent(parent);
  if (read) {
    Require(read->trace_id.size() == 32 && read->span_id.size() == 16, "ids have their sizes");
    Require(parent.find(std::string(read->trace_id)) != std::string::npos, "an id is the header's");
  }
  if (!parent.empty() && IsHeaderValue(parent))
    Require(parent_valid == read.has_value(), "client and server agree on what a traceparent is");
  if (ValidateTraceContext({parent, state}).ok()) {
    Require(parent_valid, "no tracestate mends a traceparent");
    Require(IsHeaderValue(parent) && IsHeaderValue(state), "what is valid can be sent");
  }
  return 0;
}
