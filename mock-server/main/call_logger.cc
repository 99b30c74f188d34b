#include "mock-server/main/call_logger.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mock-server/observation/trace_context.h"

namespace dispatchctl::mock {

void CallLogger::CallEnded(const ObservedCall& call) {
  const bool ok = call.code == absl::StatusCode::kOk;
  if (calls_ == LoggedCalls::kNone || (calls_ == LoggedCalls::kFailed && ok)) return;
  const std::string code = absl::StatusCodeToString(call.code);
  const double milliseconds = std::chrono::duration<double, std::milli>(call.duration).count();
  const LogLevel level = ok ? LogLevel::kInfo : LogLevel::kWarning;
  std::vector<LogField> fields = {
      {"method", MethodName(call.method)}, {"code", code}, {"duration_ms", milliseconds}};
  if (!ok) fields.push_back({"error", call.message});
  fields.push_back({"peer", call.peer});
  fields.push_back({"listen", static_cast<std::int64_t>(call.listen)});
  if (const std::optional<TraceContext> trace = ParseTraceparent(call.traceparent)) {
    fields.push_back({"trace_id", trace->trace_id});
    fields.push_back({"span_id", trace->span_id});
  }
  log_->Write(level, "call ended", fields);
}

}  // namespace dispatchctl::mock
