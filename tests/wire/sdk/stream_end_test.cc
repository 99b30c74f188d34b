// What the ways in which a server can end a stream mean for it.

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dispatchpb/dispatch.pb.h"
#include "service.h"

namespace dispatchctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using testing::HasSubstr;

// One stream's life on the server: it is ended when this many updates were answered, and another one came.
struct Ending {
  std::size_t answers = 0;
  bool garbage = false;  // bytes that are no message, instead of the end
  grpc::Status status;
  std::optional<std::string> pushback;
};

class ScriptedStream final : public grpc::ServerGenericBidiReactor {
 public:
  // Without an ending it answers all that comes.
  ScriptedStream(grpc::GenericCallbackServerContext& context, std::optional<Ending> ending)
      : context_(context), ending_(std::move(ending)) {
    StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
    } else if (!ending_ || answered_ < ending_->answers) {
      ++answered_;
      Answer();
    } else if (ending_->garbage) {
      Send("\xFF\xFF\xFF");
    } else {
      if (ending_->pushback) context_.AddTrailingMetadata("grpc-retry-pushback-ms", *ending_->pushback);
      Finish(ending_->status);
    }
  }

  void OnWriteDone(bool) override { StartRead(&incoming_); }
  void OnDone() override { delete this; }

 private:
  void Answer() {
    grpc::ProtoBufferReader reader(&incoming_);
    dispatchpb::AssignmentUpdate update;
    EXPECT_TRUE(update.ParseFromZeroCopyStream(&reader));
    dispatchpb::AssignmentResult result;
    result.set_assignment_id(update.assignment_id());
    result.set_accepted(true);
    Send(result.SerializeAsString());
  }

  void Send(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    outgoing_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&outgoing_);
  }

  grpc::GenericCallbackServerContext& context_;
  const std::optional<Ending> ending_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::size_t answered_ = 0;
};

// Ends its first streams as told, and serves the later ones well.
class ScriptedServer final : private grpc::CallbackGenericService {
 public:
  explicit ScriptedServer(std::vector<Ending> endings) : endings_(std::move(endings)) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    target_ = "127.0.0.1:" + std::to_string(port);
  }
  ~ScriptedServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  // The stream's end after `updates`, whose results must be those of the first ones.
  absl::Status Run(std::uint64_t updates) {
    ClientOptions client_options;
    client_options.target = target_;
    const Client client = Service::Connect(std::move(client_options));
    StreamOptions options;
    options.initial_reconnect_backoff = milliseconds(1);
    std::uint64_t results = 0;
    options.on_result = [&](AssignmentOutcome&& outcome) { EXPECT_EQ(outcome.tag, results++); };
    options.on_finished = [this](const absl::Status&, const CallReport& finished) { report = finished; };
    auto stream = client.StreamAssignments(std::move(options));
    EXPECT_TRUE(stream.ok()) << stream.status();
    for (std::uint64_t i = 0; i < updates; ++i) {
      // Refused once the stream has ended, which is for the caller to see in the status.
      if (!(*stream)->Submit({"a-" + std::to_string(i), "courier-1", "z"}, i).ok()) break;
    }
    absl::Status status = (*stream)->Finish();
    statistics = (*stream)->statistics();
    EXPECT_EQ(results, statistics.acknowledged);
    EXPECT_EQ((*stream)->Unacknowledged().size(), statistics.submitted - statistics.acknowledged);
    return status;
  }

  CallReport report;
  StreamStatistics statistics;

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::optional<Ending> ending;
    if (streams_ < endings_.size()) ending = endings_[streams_];
    ++streams_;
    return new ScriptedStream(*context, std::move(ending));
  }

  const std::vector<Ending> endings_;
  std::string target_;
  std::mutex mutex_;
  std::size_t streams_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(StreamEnd, IsALossWhenItComesTooEarlyWithOk) {
  ScriptedServer server({{3, false, grpc::Status::OK, {}}, {3, false, grpc::Status::OK, {}}});
  EXPECT_EQ(server.Run(20), absl::OkStatus());
  EXPECT_EQ(server.statistics.acknowledged, 20U);
  EXPECT_EQ(server.statistics.reconnects, 2U);
}

TEST(StreamEnd, IsALossWithAPassingStatus) {
  using Code = grpc::StatusCode;
  ScriptedServer server({{1, false, {Code::ABORTED, "a"}, {}},
                         {1, false, {Code::INTERNAL, "b"}, {}},
                         {1, false, {Code::UNKNOWN, "c"}, {}},
                         {1, false, {Code::UNAVAILABLE, "d"}, {}}});
  EXPECT_EQ(server.Run(20), absl::OkStatus());
  EXPECT_EQ(server.statistics.reconnects, 4U);
}

TEST(StreamEnd, IsFinalWithAnyOtherStatus) {
  for (const auto code : {grpc::StatusCode::UNAUTHENTICATED, grpc::StatusCode::PERMISSION_DENIED,
                          grpc::StatusCode::UNIMPLEMENTED, grpc::StatusCode::INVALID_ARGUMENT,
                          grpc::StatusCode::RESOURCE_EXHAUSTED, grpc::StatusCode::DATA_LOSS}) {
    ScriptedServer server({{2, false, {code, "no"}, {}}});
    const absl::Status status = server.Run(20);
    EXPECT_EQ(static_cast<int>(status.code()), static_cast<int>(code));
    EXPECT_EQ(status.message(), "no");
    EXPECT_EQ(server.report.origin, Origin::kServer);
    EXPECT_EQ(server.statistics.acknowledged, 2U);
    EXPECT_EQ(server.statistics.reconnects, 0U);
  }
}

TEST(StreamEnd, F21SaysWhenToComeBack) {
  ScriptedServer server({{1, false, {grpc::StatusCode::RESOURCE_EXHAUSTED, "busy"}, "250"}});
  EXPECT_EQ(server.Run(5), absl::OkStatus());
  EXPECT_EQ(server.statistics.reconnects, 1U);
  EXPECT_GE(server.report.elapsed, milliseconds(250));
}

TEST(StreamEnd, F21ForbidsToComeBack) {
  for (const char* pushback : {"-1", "abc", "99999999999999999999"}) {
    ScriptedServer server({{1, false, {grpc::StatusCode::UNAVAILABLE, "go away"}, pushback}});
    EXPECT_EQ(server.Run(5), absl::UnavailableError("go away")) << pushback;
    EXPECT_EQ(server.statistics.reconnects, 0U) << pushback;
  }
}

TEST(StreamEnd, F24FollowsAResultThatCannotBeDecoded) {
  const Ending garbage{2, true, {}, {}};
  ScriptedServer once({garbage});
  EXPECT_EQ(once.Run(10), absl::OkStatus());
  EXPECT_EQ(once.statistics.undecodable_results, 1U);
  EXPECT_EQ(once.statistics.acknowledged, 10U);

  ScriptedServer twice_with_results_between({garbage, garbage});
  EXPECT_EQ(twice_with_results_between.Run(10), absl::OkStatus());
  EXPECT_EQ(twice_with_results_between.statistics.undecodable_results, 2U);

  ScriptedServer twice({garbage, {0, true, {}, {}}});
  const absl::Status status = twice.Run(10);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("could not be decoded"));
  EXPECT_EQ(twice.statistics.acknowledged, 2U);
}

}  // namespace
}  // namespace dispatchctl
