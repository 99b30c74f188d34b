#pragma once

#include <dispatchctl/client_options.h>

#include <optional>

#include "commands/command.h"
#include "output/rpc_error.h"

namespace dispatchctl::cli {

/// The SDK's options for the global flags, or what is wrong with them. Touches no network.
std::optional<ErrorReport> MakeClientOptions(const GlobalOptions& global, ClientOptions& options);

/// Fills context.client. Warns when plaintext leaves this machine.
std::optional<ErrorReport> ConnectClient(CommandContext& context, ClientOptions options);

/// Fills context.trace where there is to be one. Call it while signals still end the process: opening a FIFO
/// waits for its reader.
std::optional<ErrorReport> OpenTrace(CommandContext& context);

/// Ends the trace, if there is one; its error may be graver than `result`.
CommandResult ConcludeTrace(CommandContext& context, CommandResult result);

/// True when the connection will be TLS, for hints.
bool UsesTls(const GlobalOptions& global);

/// The certificates and names of the global flags; nothing where the connection will be plaintext.
TlsOptions TlsOptionsOf(const GlobalOptions& global);

RpcIdentity IdentityOf(const GlobalOptions& global, std::string_view method);

/// The error of an SDK call that refused its options.
ErrorReport OptionError(const absl::Status& status);

inline constexpr std::string_view kLookupMethod = "dispatchpb.DispatchGateway/GetCourierStatus";
inline constexpr std::string_view kHealthMethod = "grpc.health.v1.Health/Check";
inline constexpr std::string_view kAssignMethod = "dispatchpb.DispatchGateway/StreamAssignments";

}  // namespace dispatchctl::cli
