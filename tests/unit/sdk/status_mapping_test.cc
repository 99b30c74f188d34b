// The wordings are gRPC 1.51.1's own, as observed.

#include "transport/status_mapping.h"

#include <gtest/gtest.h>

namespace dispatchctl::internal {
namespace {

constexpr int kUnimplemented = 12;
constexpr int kUnavailable = 14;
constexpr char kEndpoint[] = "127.0.0.1:1";

AttemptEnd ConnectFailure(const std::string& cause, bool tls) {
  return DescribeEnd(kUnavailable, "failed to connect to all addresses; last error: " + cause, "", kEndpoint,
                     tls);
}

struct Case {
  const char* cause;
  bool tls;
  Phase phase;
  const char* message;
};

class ConnectFailures : public testing::TestWithParam<Case> {};

TEST_P(ConnectFailures, KeepTheCauseAndTellThePhase) {
  const AttemptEnd end = ConnectFailure(GetParam().cause, GetParam().tls);
  EXPECT_EQ(end.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(end.phase, GetParam().phase);
  EXPECT_EQ(end.origin, Origin::kLocal);
  EXPECT_EQ(end.status.message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Observed, ConnectFailures,
    testing::Values(
        Case{"UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: Connection refused", false,
             Phase::kConnect, "cannot connect to 127.0.0.1:1: Connection refused"},
        Case{"UNAVAILABLE: ipv4:127.0.0.1:1: Socket closed", false, Phase::kConnect,
             "cannot connect to 127.0.0.1:1: the server closed the connection during the HTTP/2 handshake"},
        Case{"UNAVAILABLE: ipv4:127.0.0.1:1: Socket closed", true, Phase::kTls,
             "cannot connect to 127.0.0.1:1: the server closed the connection during the TLS handshake"},
        Case{"UNKNOWN: ipv4:127.0.0.1:1: Ssl handshake failed: SSL_ERROR_SSL: error:0A00010B:SSL "
             "routines::wrong "
             "version number",
             true, Phase::kTls,
             "cannot connect to 127.0.0.1:1: Ssl handshake failed: SSL_ERROR_SSL: error:0A00010B:SSL "
             "routines::wrong "
             "version number"},
        Case{"UNKNOWN: ipv4:127.0.0.1:1: Peer name otherhost is not in peer certificate", true, Phase::kTls,
             "cannot connect to 127.0.0.1:1: Peer name otherhost is not in peer certificate"},
        Case{"UNKNOWN: ipv4:127.0.0.1:1: connection attempt timed out before receiving SETTINGS frame", false,
             Phase::kConnect,
             "cannot connect to 127.0.0.1:1: timed out waiting for the server's HTTP/2 settings"},
        Case{"UNKNOWN: ipv4:127.0.0.1:1: Handshake read failed", true, Phase::kTls,
             "cannot connect to 127.0.0.1:1: timed out during the TLS handshake"},
        Case{"INTERNAL: ipv4:127.0.0.1:1: Trying to connect an http1.x server", false, Phase::kConnect,
             "cannot connect to 127.0.0.1:1: Trying to connect an http1.x server"}));

TEST(DescribeEnd, KnowsUnderXdsThatNoServerCouldBeReached) {
  const std::string cause = "UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: Connection refused";
  const AttemptEnd end =
      DescribeEnd(kUnavailable, "connections to all backends failing; last error: " + cause, "",
                  "xds:///dispatch", false);
  EXPECT_EQ(end.phase, Phase::kConnect);
  EXPECT_EQ(end.status.message(), "cannot connect to xds:///dispatch: " + cause);
}

TEST(DescribeEnd, KnowsThatAControlPlaneHasNotSaidWhereTheServersAre) {
  for (const std::string message :
       {"Failed to create XdsClient: Environment variables GRPC_XDS_BOOTSTRAP or GRPC_XDS_BOOTSTRAP_CONFIG "
        "not "
        "defined",
        "dispatch: UNAVAILABLE: xDS channel for server 127.0.0.1:1: channel in TRANSIENT_FAILURE: failed to "
        "connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Connection refused (node ID:test)",
        "dispatch: UNAVAILABLE: could not find VirtualHost for foo.example in RouteConfiguration"}) {
    const AttemptEnd end = DescribeEnd(kUnavailable, message, "", "xds:///dispatch", false);
    EXPECT_EQ(end.phase, Phase::kResolve);
    EXPECT_EQ(end.origin, Origin::kLocal);
    EXPECT_EQ(end.status.message(), "cannot resolve xds:///dispatch: " + message);
  }
}

TEST(DescribeEnd, KnowsUnderXdsWhatIsNoMatterOfResolving) {
  for (const std::string message : {"circuit breaker drop", "EDS-configured drop: load", "Socket closed"}) {
    const AttemptEnd end = DescribeEnd(kUnavailable, message, "", "xds:///dispatch", false);
    EXPECT_EQ(end.phase, Phase::kCall);
    EXPECT_EQ(end.status.message(), message);
  }
  EXPECT_EQ(
      DescribeEnd(kUnavailable, "closed for lunch", "Error received from peer", "xds:///dispatch", false)
          .origin,
      Origin::kServer);
}

TEST(DescribeEnd, TellsTheServersStatusFromALocalOne) {
  const AttemptEnd server = DescribeEnd(
      5, "courier x not found", "UNKNOWN:Error received from peer ipv4:127.0.0.1:1 {...}", kEndpoint, false);
  EXPECT_EQ(server.status, absl::NotFoundError("courier x not found"));
  EXPECT_EQ(server.origin, Origin::kServer);
  EXPECT_EQ(server.phase, Phase::kCall);

  const AttemptEnd local =
      DescribeEnd(kUnavailable, "Socket closed", "UNKNOWN:Socket closed {...}", kEndpoint, false);
  EXPECT_EQ(local.status, absl::UnavailableError("Socket closed"));
  EXPECT_EQ(local.origin, Origin::kLocal);
  EXPECT_EQ(local.phase, Phase::kCall);
}

TEST(DescribeEnd, KnowsABrokenConnectionAlthoughCoreMarksItAsThePeersWord) {
  for (const char* message :
       {"Connection reset by peer", "recvmsg:Connection reset by peer", "Socket closed", "Broken pipe",
        "keepalive watchdog timeout", "GOAWAY received; Error code: 2; Debug Text: "}) {
    const AttemptEnd end = DescribeEnd(
        kUnavailable, message, "UNKNOWN:Error received from peer ipv4:127.0.0.1:1 {...}", kEndpoint, false);
    EXPECT_EQ(end.origin, Origin::kLocal) << message;
    EXPECT_EQ(end.phase, Phase::kCall) << message;
    EXPECT_EQ(end.status, absl::UnavailableError(message));
  }
  EXPECT_EQ(DescribeEnd(kUnavailable, "database gone: Connection reset by peer",
                        "UNKNOWN:Error received from peer ipv4:127.0.0.1:1 {...}", kEndpoint, false)
                .origin,
            Origin::kServer);
}

TEST(DescribeEnd, TellsAnEndWithoutAStatusFromTheServersUnknown) {
  for (const char* message : {"Stream removed", "No status received"}) {
    const AttemptEnd end =
        DescribeEnd(2, message, "UNKNOWN:Error received from peer ipv4:127.0.0.1:1 {...}", kEndpoint, false);
    EXPECT_EQ(end.status.code(), absl::StatusCode::kUnknown) << message;
    EXPECT_EQ(end.origin, Origin::kLocal) << message;
    EXPECT_EQ(end.phase, Phase::kCall) << message;
  }
  EXPECT_EQ(DescribeEnd(2, "odd", "Error received from peer", kEndpoint, false).origin, Origin::kServer);
}

TEST(DescribeEnd, KnowsWhatNoServerHasLookedAt) {
  const auto unseen = [](const char* message) {
    return DescribeEnd(kUnavailable, message, "Error received from peer", kEndpoint, false).unseen;
  };
  EXPECT_TRUE(unseen("GOAWAY received"));
  EXPECT_TRUE(unseen("GOAWAY received; Error code: 0; Debug Text: bye"));
  EXPECT_FALSE(unseen("Socket closed"));
  EXPECT_FALSE(unseen("busy"));
}

TEST(DescribeEnd, TakesMetadataTooLargeForALimitOfThisSide) {
  for (const char* message :
       {"received initial metadata size exceeds limit", "received trailing metadata size exceeds limit"}) {
    EXPECT_EQ(DescribeEnd(8, message, "Error received from peer", kEndpoint, false).origin, Origin::kLocal);
  }
  EXPECT_EQ(DescribeEnd(8, "busy", "Error received from peer", kEndpoint, false).origin, Origin::kServer);
}

TEST(DescribeEnd, TakesAReplyTooLargeForALimitOfThisSide) {
  const AttemptEnd end =
      DescribeEnd(8, "Received message larger than max (5242922 vs. 4194304)",
                  "UNKNOWN:Error received from peer ipv4:127.0.0.1:1 {...}", kEndpoint, false);
  EXPECT_EQ(end.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(end.origin, Origin::kLocal);
}

TEST(DescribeEnd, F31DoesNotCallAnUnreadableReplyAMissingMethod) {
  const std::string message = "No message returned for unary request";
  EXPECT_EQ(DescribeEnd(kUnimplemented, message, "", kEndpoint, false).status.code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(DescribeEnd(kUnimplemented, message, "Error received from peer", kEndpoint, false).status.code(),
            absl::StatusCode::kUnimplemented);
}

TEST(DescribeEnd, TakesACodeThatDoesNotExistAsUnknown) {
  EXPECT_EQ(DescribeEnd(99, "odd", "Error received from peer", kEndpoint, false).status,
            absl::UnknownError("odd"));
}

}  // namespace
}  // namespace dispatchctl::internal
