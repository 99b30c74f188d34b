#include "transport/grpc_channel_factory.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "contract/text.h"
#include "dispatchctl/version.h"
#include "dispatchpb/dispatch.grpc.pb.h"
#include "transport/grpc_assignment_call.h"
#include "transport/grpc_health_check.h"
#include "transport/grpc_lookup.h"
#include "transport/reconnect_backoff.h"
#include "transport/startup_check.h"
#include "transport/thread_annotations.h"
#include "transport/tls_material.h"

namespace dispatchctl::internal {
namespace {

// Core's own is 20 s.
constexpr int kKeepaliveTimeoutMs = 3000;

Connectivity FromGrpc(grpc_connectivity_state state) {
  switch (state) {
    case GRPC_CHANNEL_IDLE:
      return Connectivity::kIdle;
    case GRPC_CHANNEL_CONNECTING:
      return Connectivity::kConnecting;
    case GRPC_CHANNEL_READY:
      return Connectivity::kReady;
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
      return Connectivity::kTransientFailure;
    case GRPC_CHANNEL_SHUTDOWN:
      break;
  }
  return Connectivity::kShutdown;
}

grpc_connectivity_state ToGrpc(Connectivity state) {
  switch (state) {
    case Connectivity::kIdle:
      return GRPC_CHANNEL_IDLE;
    case Connectivity::kConnecting:
      return GRPC_CHANNEL_CONNECTING;
    case Connectivity::kReady:
      return GRPC_CHANNEL_READY;
    case Connectivity::kTransientFailure:
      return GRPC_CHANNEL_TRANSIENT_FAILURE;
    case Connectivity::kShutdown:
      break;
  }
  return GRPC_CHANNEL_SHUTDOWN;
}

// The credentials of connections that are made now. Thread-safe.
class CredentialsSource {
 public:
  // Null: plaintext.
  explicit CredentialsSource(std::unique_ptr<TlsFiles> files) : files_(std::move(files)) {}

  bool tls() const { return files_ != nullptr; }
  bool may_change() const { return tls() && files_->any(); }

  // Other ones are another object.
  std::shared_ptr<grpc::ChannelCredentials> Get() {
    std::shared_ptr<const TlsMaterial> material = tls() ? files_->Get(Clock::now()) : nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (credentials_ == nullptr || material != material_) {
      credentials_ = tls() ? grpc::SslCredentials({.pem_root_certs = material->roots,
                                                   .pem_private_key = material->private_key,
                                                   .pem_cert_chain = material->certificate_chain})
                           : grpc::InsecureChannelCredentials();
      material_ = std::move(material);
    }
    return credentials_;
  }

 private:
  const std::unique_ptr<TlsFiles> files_;
  std::mutex mutex_;  // guards both below
  std::shared_ptr<const TlsMaterial> material_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
};

// How often a watched channel is looked at for the sake of its credentials.
constexpr std::chrono::milliseconds kCredentialsCheck{1000};

// A gRPC channel never changes its credentials. Where they may change, this one makes another channel then,
// and goes over to it once it is connected, or as soon as there is nothing to lose.
class GrpcChannel final : public Channel {
 public:
  GrpcChannel(std::shared_ptr<CredentialsSource> credentials, const Address& address,
              grpc::ChannelArguments arguments, bool confidential)
      : source_(std::move(credentials)),
        may_change_(source_->may_change()),
        uri_(address.uri),
        endpoint_(address.name),
        arguments_(std::move(arguments)),
        confidential_(confidential),
        credentials_(source_->Get()),
        link_(MakeLink()),
        lookups_(endpoint_, source_->tls()) {}

  bool confidential() const override { return confidential_; }

  Connectivity state(bool try_to_connect) override {
    return FromGrpc(link()->channel->GetState(try_to_connect));
  }

  bool Watch(EventLoop& loop, Connectivity seen, std::optional<Clock::time_point> until,
             Completion& completion) override {
    Completion* tag = &completion;
    const gpr_timespec deadline = WatchDeadline(until);
    const std::shared_ptr<Link> watched = link();
    return loop.StartUnlessShutDown([&] {
      HandOver(tag);
      watched->channel->NotifyOnStateChange(ToGrpc(seen), deadline, &loop.queue(), tag);
    });
  }

  LookupAttemptPtr MakeLookup(EventLoop& loop, std::string_view courier_id, const AttemptOptions& options,
                              LookupHandler& handler) override {
    if (!may_change_) return lookups_.Make(nullptr, link_->lookup_stub, loop, courier_id, options, handler);
    const std::shared_ptr<Link> used = link();
    return lookups_.Make(used, used->lookup_stub, loop, courier_id, options, handler);
  }

  std::unique_ptr<AssignmentCall> MakeAssignmentCall(EventLoop& loop, const AttemptOptions& options,
                                                     AssignmentCallHandler& handler) override {
    const std::shared_ptr<Link> used = link();
    return MakeGrpcAssignmentCall({used, used->generic_stub, endpoint_, source_->tls()}, loop, options,
                                  handler);
  }

  std::unique_ptr<HealthCheck> MakeHealthCheck(EventLoop& loop, std::string_view service,
                                               const AttemptOptions& options,
                                               HealthCheckHandler& handler) override {
    const std::shared_ptr<Link> used = link();
    return MakeGrpcHealthCheck({used, used->generic_stub, endpoint_, source_->tls()}, loop, service, options,
                               handler);
  }

 private:
  struct Link {
    explicit Link(std::shared_ptr<grpc::Channel> channel_in)
        : channel(std::move(channel_in)), lookup_stub(channel), generic_stub(channel) {}

    const std::shared_ptr<grpc::Channel> channel;
    LookupStub lookup_stub;
    grpc::GenericStub generic_stub;
  };

  gpr_timespec WatchDeadline(std::optional<Clock::time_point> until) const {
    std::chrono::milliseconds wait = std::chrono::milliseconds::max();
    if (may_change_) wait = kCredentialsCheck;
    if (until) wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()));
    if (wait == std::chrono::milliseconds::max()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return gpr_time_from_millis(std::max<std::int64_t>(wait.count(), 0), GPR_TIMESPAN);
  }

  std::shared_ptr<Link> MakeLink() const {
    return std::make_shared<Link>(grpc::CreateCustomChannel(uri_, credentials_, arguments_));
  }

  std::shared_ptr<Link> link() {
    if (!may_change_) return link_;
    std::shared_ptr<grpc::ChannelCredentials> now = source_->Get();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (now != credentials_) {
      credentials_ = std::move(now);
      next_ = MakeLink();
    }
    if (next_ != nullptr && (next_->channel->GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_READY ||
                             link_->channel->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY)) {
      link_ = std::move(next_);
    }
    return link_;
  }

  const std::shared_ptr<CredentialsSource> source_;
  const bool may_change_;
  const std::string uri_;
  const std::string endpoint_;
  const grpc::ChannelArguments arguments_;
  const bool confidential_;

  std::mutex mutex_;  // where they may change, guards all below
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Link> next_;  // with newer credentials, not yet connected
  GrpcLookups lookups_;
};

class GrpcChannelFactory final : public ChannelFactory {
 public:
  GrpcChannelFactory(const ClientOptions& options, std::unique_ptr<TlsFiles> files)
      : authority_(options.authority),
        server_name_(options.tls.server_name),
        credentials_(std::make_shared<CredentialsSource>(std::move(files))) {
    // Channels of equal arguments would share one connection and its backoff, process-wide.
    arguments_.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments_.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(kMaxReconnectBackoff.count()));
    // Despite its name also the bound of one connection attempt with its handshakes.
    arguments_.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(options.connect_timeout.count()));
    // Retries that a name server's TXT record could configure would multiply with the client's own.
    arguments_.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    // Also without a policy, core's retry filter ends the process over a response that lacks a grpc-status,
    // as any web server may send one.
    arguments_.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    // A client shows its endpoints itself, and compresses nothing: no call need pay for either.
    arguments_.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
    arguments_.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
    arguments_.SetMaxReceiveMessageSize(static_cast<int>(options.max_receive_bytes));
    if (options.keepalive_time) {
      arguments_.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive_time->count()));
      arguments_.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
      // Core stops after two pings without data, and would not see an idle stream's connection die.
      arguments_.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    }
    std::string user_agent = options.user_agent;
    absl::StrAppend(&user_agent, user_agent.empty() ? "" : " ", "dispatchctl-client/", View(kVersion));
    arguments_.SetUserAgentPrefix(user_agent);
  }

  std::unique_ptr<Channel> Create(const Address& address, const std::string& endpoint_authority) override {
    grpc::ChannelArguments arguments = arguments_;
    std::random_device randomness;
    const double unit_random = std::uniform_real_distribution<double>()(randomness);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                     static_cast<int>(InitialReconnectBackoff(unit_random).count()));
    const std::string& sent_authority = authority_.empty() ? endpoint_authority : authority_;
    if (!sent_authority.empty()) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, sent_authority);
    const bool tls = credentials_->tls();
    if (tls && !server_name_.empty()) {
      arguments.SetSslTargetNameOverride(server_name_);
    } else if (tls && !authority_.empty()) {
      // Otherwise gRPC would verify the certificate against the name that only the server's routing is to
      // see.
      arguments.SetSslTargetNameOverride(HostOf(endpoint_authority));
    }
    // A proxy in the environment is for the way out of this machine.
    // Core would resolve the proxy's name in place of an xDS target.
    if (IsLocal(address) || absl::StartsWith(address.uri, "xds:")) {
      arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    }
    return std::make_unique<GrpcChannel>(credentials_, address, std::move(arguments),
                                         tls || IsLocal(address));
  }

 private:
  static std::string HostOf(const std::string& authority) {
    return authority.substr(0, authority.rfind(':'));
  }

  static bool IsLocal(const Address& address) {
    return absl::StartsWith(address.uri, "unix") || absl::StartsWith(address.uri, "ipv4:127.") ||
           absl::StartsWith(address.uri, "ipv6:%5B::1%5D");
  }

  const std::string authority_;
  const std::string server_name_;
  const std::shared_ptr<CredentialsSource> credentials_;
  grpc::ChannelArguments arguments_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ChannelFactory>> MakeGrpcChannelFactory(const ClientOptions& options,
                                                                       bool use_tls) {
  if (absl::Status status = CheckCoreCanStart(); !status.ok()) return status;
  std::unique_ptr<TlsFiles> files;
  if (use_tls) {
    absl::StatusOr<std::unique_ptr<TlsFiles>> opened =
        TlsFiles::Open(options.tls, options.on_warning, Clock::now());
    if (!opened.ok()) return opened.status();
    files = *std::move(opened);
  }
  return std::make_unique<GrpcChannelFactory>(options, std::move(files));
}

}  // namespace dispatchctl::internal
