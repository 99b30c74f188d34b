#include "transport/grpc_channel_factory.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "contract/text.h"
#include "dispatchctl/version.h"
#include "dispatchpb/dispatch.grpc.pb.h"
#include "transport/grpc_assignment_call.h"
#include "transport/grpc_lookup.h"
#include "transport/thread_annotations.h"

namespace dispatchctl::internal {
namespace {

// Core's own (1 s to 120 s) leave a restarted server unused for minutes.
constexpr int kInitialReconnectBackoffMs = 200;
constexpr int kMaxReconnectBackoffMs = 3000;

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

class GrpcChannel final : public Channel {
 public:
  GrpcChannel(std::shared_ptr<grpc::Channel> channel, std::string endpoint, bool tls)
      : channel_(std::move(channel)),
        stub_(dispatchpb::DispatchGateway::NewStub(channel_)),
        generic_stub_(channel_),
        endpoint_(std::move(endpoint)),
        tls_(tls),
        lookups_(*stub_, endpoint_, tls_) {}

  Connectivity state(bool try_to_connect) override { return FromGrpc(channel_->GetState(try_to_connect)); }

  void Watch(EventLoop& loop, Connectivity seen, Completion& completion) override {
    Completion* tag = &completion;
    HandOver(tag);
    channel_->NotifyOnStateChange(ToGrpc(seen), gpr_inf_future(GPR_CLOCK_MONOTONIC), &loop.queue(), tag);
  }

  LookupAttemptPtr MakeLookup(EventLoop& loop, std::string_view courier_id, const AttemptOptions& options,
                              LookupHandler& handler) override {
    return lookups_.Make(loop, courier_id, options, handler);
  }

  std::unique_ptr<AssignmentCall> MakeAssignmentCall(EventLoop& loop, const AttemptOptions& options,
                                                     AssignmentCallHandler& handler) override {
    return MakeGrpcAssignmentCall({generic_stub_, endpoint_, tls_}, loop, options, handler);
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<dispatchpb::DispatchGateway::Stub> stub_;
  grpc::GenericStub generic_stub_;
  const std::string endpoint_;
  const bool tls_;
  GrpcLookups lookups_;
};

class GrpcChannelFactory final : public ChannelFactory {
 public:
  GrpcChannelFactory(const ClientOptions& options, std::shared_ptr<grpc::ChannelCredentials> credentials,
                     bool tls)
      : authority_(options.authority),
        server_name_(options.tls.server_name),
        credentials_(std::move(credentials)),
        tls_(tls) {
    // Channels of equal arguments would share one connection and its backoff, process-wide.
    arguments_.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments_.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kInitialReconnectBackoffMs);
    arguments_.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectBackoffMs);
    // Despite its name also the bound of one connection attempt with its handshakes.
    arguments_.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(options.connect_timeout.count()));
    // Retries that a name server's TXT record could configure would multiply with the client's own.
    arguments_.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
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

  std::unique_ptr<Channel> Create(const Address& address, const std::string& endpoint_authority,
                                  ChannelUse use) override {
    grpc::ChannelArguments arguments = arguments_;
    const std::string& sent_authority = authority_.empty() ? endpoint_authority : authority_;
    if (!sent_authority.empty()) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, sent_authority);
    if (tls_ && !server_name_.empty()) {
      arguments.SetSslTargetNameOverride(server_name_);
    } else if (tls_ && !authority_.empty()) {
      // Otherwise gRPC would verify the certificate against the name that only the server's routing is to
      // see.
      arguments.SetSslTargetNameOverride(HostOf(endpoint_authority));
    }
    // A proxy in the environment is for the way out of this machine.
    if (IsLocal(address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // An outbox resumes streams; for lookups core's transparent retries are wanted.
    if (use == ChannelUse::kStreams) arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    return std::make_unique<GrpcChannel>(grpc::CreateCustomChannel(address.uri, credentials_, arguments),
                                         address.name, tls_);
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
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  const bool tls_;
  grpc::ChannelArguments arguments_;
};

absl::StatusOr<std::string> ReadPem(std::string_view option, const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) {
    return absl::FailedPreconditionError(
        absl::StrCat(View(option), ": cannot read ", Quoted(path), ": ", std::strerror(errno)));
  }
  if (!absl::StrContains(text, "-----BEGIN ")) {
    return absl::FailedPreconditionError(
        absl::StrCat(View(option), ": ", Quoted(path), " is not a PEM file"));
  }
  return text;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const TlsOptions& tls) {
  grpc::SslCredentialsOptions ssl;
  struct File {
    std::string_view option;
    const std::string& path;
    std::string& text;
  };
  const File files[] = {{"tls.ca_file", tls.ca_file, ssl.pem_root_certs},
                        {"tls.certificate_file", tls.certificate_file, ssl.pem_cert_chain},
                        {"tls.private_key_file", tls.private_key_file, ssl.pem_private_key}};
  for (const File& file : files) {
    if (file.path.empty()) continue;
    absl::StatusOr<std::string> text = ReadPem(file.option, file.path);
    if (!text.ok()) return text.status();
    file.text = *std::move(text);
  }
  return grpc::SslCredentials(ssl);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChannelFactory>> MakeGrpcChannelFactory(const ClientOptions& options,
                                                                       bool use_tls) {
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (use_tls) {
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> made = MakeCredentials(options.tls);
    if (!made.ok()) return made.status();
    credentials = *std::move(made);
  } else {
    credentials = grpc::InsecureChannelCredentials();
  }
  return std::make_unique<GrpcChannelFactory>(options, std::move(credentials), use_tls);
}

}  // namespace dispatchctl::internal
