#include "dispatchctl/client.h"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <utility>

#include "call/cancellable.h"
#include "call/effective_options.h"
#include "client/client_connection.h"
#include "endpoints/dns_resolver.h"
#include "endpoints/endpoint_pool.h"
#include "endpoints/target.h"
#include "observe/observation.h"
#include "transport/grpc_channel_factory.h"
#include "transport/token_file.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {
namespace {

bool UseTls(TransportSecurity security, bool local_target) {
  switch (security) {
    case TransportSecurity::kPlaintext:
      return false;
    case TransportSecurity::kTls:
      return true;
    case TransportSecurity::kAutomatic:
      break;
  }
  return !local_target;
}

std::function<void(std::string_view)> OneAtATime(std::function<void(std::string_view)> callback) {
  return [callback = std::move(callback), mutex = std::make_shared<std::mutex>()](std::string_view text) {
    const std::lock_guard<std::mutex> lock(*mutex);
    callback(text);
  };
}

}  // namespace

bool IsLocalTarget(std::string_view target) {
  const absl::StatusOr<internal::Target> parsed = internal::ParseTarget(target);
  return parsed.ok() && parsed->local;
}

void CallHandle::Cancel() {
  if (const std::shared_ptr<internal::Cancellable> call = call_.lock()) call->Cancel();
}

absl::StatusOr<Client> Client::Create(ClientOptions options) {
  if (absl::Status status = internal::ValidateClientOptions(options); !status.ok()) return status;
  absl::StatusOr<internal::Target> target = internal::ParseTarget(options.target);
  if (!target.ok()) return target.status();
  absl::StatusOr<Metadata> metadata = internal::NormalizeMetadata(options.call_defaults.metadata);
  if (!metadata.ok()) return metadata.status();
  if (options.on_warning) options.on_warning = OneAtATime(std::move(options.on_warning));
  std::unique_ptr<internal::TokenFile> token;
  if (!options.token_file.empty()) {
    if (internal::HasAuthorization(*metadata)) {
      return absl::InvalidArgumentError("call_defaults.metadata has an authorization beside token_file");
    }
    auto opened =
        internal::TokenFile::Open(options.token_file, options.on_warning, std::chrono::steady_clock::now());
    if (!opened.ok()) return opened.status();
    token = *std::move(opened);
  }
  auto factory = internal::MakeGrpcChannelFactory(options, UseTls(options.security, target->local));
  if (!factory.ok()) return factory.status();

  std::unique_ptr<internal::Resolver> resolver;
  if (!target->names.empty()) {
    resolver = internal::MakeDnsResolver(target->names, options.connect_timeout, options.resolve_interval);
  }
  std::random_device entropy;
  const std::uint64_t seed = (std::uint64_t{entropy()} << 32U) | entropy();
  auto core = std::make_shared<internal::ClientCore>(*std::move(metadata), options.throttling, seed);
  std::shared_ptr<internal::Observation> observation;
  if (options.observer != nullptr) {
    observation = std::make_shared<internal::Observation>(std::move(options.observer), options.target,
                                                          options.on_warning);
    core->lookups().observation = observation;
  }
  core->lookups().pool = internal::EndpointPool::Make(
      *std::move(target), std::move(resolver), *std::move(factory),
      {.load_balancing = options.load_balancing,
       .breaker = options.breaker,
       .seed = seed,
       .observation = observation},
      [watched = core.get()]() -> internal::EventLoop& { return watched->watch_loop(); });
  core->lookups().default_options = internal::DefaultsOf(options);
  core->lookups().token = std::move(token);
  core->lookups().fallback = options.fallback.store;
  if (core->lookups().fallback == nullptr) {
    core->lookups().fallback = MakeMemoryFallbackStore(options.fallback.capacity);
  }
  return Client(std::make_shared<internal::ClientConnection>(std::move(core)));
}

absl::Status Client::LookupMany(const std::function<std::optional<std::string>()>& source,
                                std::function<void(LookupItem&&)> sink, BulkLookupOptions options) const {
  if (options.on_result)
    return absl::InvalidArgumentError("on_result is set: LookupMany hands results to its sink");
  options.on_result = std::move(sink);
  absl::StatusOr<std::unique_ptr<BulkLookup>> lookup = StartBulkLookup(std::move(options));
  if (!lookup.ok()) return lookup.status();
  for (std::uint64_t index = 0;; ++index) {
    const std::optional<std::string> courier_id = source();
    if (!courier_id) break;
    if (absl::Status status = (*lookup)->Submit(*courier_id, index); !status.ok()) return status;
  }
  (*lookup)->Finish();
  return absl::OkStatus();
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
