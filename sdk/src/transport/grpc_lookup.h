#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "transport/channel.h"
#include "transport/lookup_messages.h"

namespace dispatchctl::internal {

// The lookups of one channel. Attempts that have ended serve again: a call's context, messages and their
// strings are a good part of what it costs on this side. Thread-safe.
class GrpcLookups {
 public:
  // `endpoint`, for people, outlives this; this outlives what Make gives out.
  GrpcLookups(std::string_view endpoint, bool tls);
  ~GrpcLookups();

  // The attempt keeps `owner`, whose the stub is, until it is released; null: the stub outlives it anyway.
  LookupAttemptPtr Make(std::shared_ptr<const void> owner, LookupStub& stub, EventLoop& loop,
                        std::string_view courier_id, const AttemptOptions& options, LookupHandler& handler);

 private:
  class Attempt;

  std::unique_ptr<Attempt> TakeIdle();
  void TakeBack(std::unique_ptr<Attempt> attempt);

  const std::string_view endpoint_;
  const bool tls_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Attempt>> idle_;
};

}  // namespace dispatchctl::internal
