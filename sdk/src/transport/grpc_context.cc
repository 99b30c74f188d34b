#include "transport/grpc_context.h"

#include <grpc/support/time.h>

namespace dispatchctl::internal {
namespace {

// A span, not a point in time: the wall clock may jump between here and the start of the call.
gpr_timespec SpanUntil(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - Clock::now());
  return gpr_time_from_nanos(left.count() > 0 ? left.count() : 0, GPR_TIMESPAN);
}

void AddMetadata(const Metadata* metadata, grpc::ClientContext& context) {
  if (metadata == nullptr) return;
  for (const auto& [key, value] : *metadata) context.AddMetadata(key, value);
}

}  // namespace

void ApplyOptions(const AttemptOptions& options, grpc::ClientContext& context) {
  if (options.deadline) context.set_deadline(SpanUntil(*options.deadline));
  if (options.wait_for_ready) context.set_wait_for_ready(true);
  AddMetadata(options.default_metadata, context);
  AddMetadata(options.metadata, context);
  AddMetadata(options.attempt_metadata, context);
  if (options.authorization != nullptr) context.AddMetadata("authorization", *options.authorization);
}

}  // namespace dispatchctl::internal
