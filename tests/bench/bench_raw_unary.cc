// Unary lookups straight on the stub: the ceiling for the client library and for `lookup -f --parallel`.
#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>

#include "bench_support.h"
#include "dispatchpb/dispatch.grpc.pb.h"

namespace {

using dispatchpb::CourierLookupRequest;
using dispatchpb::CourierStatusReply;
using dispatchpb::DispatchGateway;

struct Load {
  std::vector<std::string> courier_ids;
  std::size_t count = 0;
  std::size_t in_flight = 1;
  bool print = false;
  std::size_t deadline_ms = 0;  // of each call; 0: none

  void SetDeadline(grpc::ClientContext& context) const {
    if (deadline_ms == 0) return;
    context.set_deadline(gpr_time_from_millis(static_cast<std::int64_t>(deadline_ms), GPR_TIMESPAN));
  }

  [[nodiscard]] const std::string& Id(std::size_t index) const {
    return courier_ids[index % courier_ids.size()];
  }
};

struct Outcome {
  std::vector<std::int64_t> latencies;
  std::size_t failed = 0;
};

void Print(const CourierStatusReply& reply) {
  std::printf(R"({"courier_id":"%s","transport_mode":"%s","availability":"%s","current_zone":"%s"})"
              "\n",
              reply.courier_id().c_str(), reply.transport_mode().c_str(), reply.availability().c_str(),
              reply.current_zone().c_str());
}

void Record(const Load& load, const grpc::Status& status, const CourierStatusReply& reply,
            std::int64_t started, Outcome& outcome) {
  outcome.latencies.push_back(dispatchctl_bench::NowNanoseconds() - started);
  if (!status.ok()) {
    ++outcome.failed;
  } else if (load.print) {
    Print(reply);
  }
}

Outcome RunBlocking(DispatchGateway::Stub& stub, const Load& load) {
  Outcome outcome;
  outcome.latencies.reserve(load.count);
  CourierLookupRequest request;
  CourierStatusReply reply;
  for (std::size_t i = 0; i < load.count; ++i) {
    grpc::ClientContext context;
    load.SetDeadline(context);
    request.set_courier_id(load.Id(i));
    const std::int64_t started = dispatchctl_bench::NowNanoseconds();
    const grpc::Status status = stub.GetCourierStatus(&context, request, &reply);
    Record(load, status, reply, started, outcome);
  }
  return outcome;
}

struct Call {
  std::optional<grpc::ClientContext> context;
  CourierStatusReply reply;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<CourierStatusReply>> reader;
  std::int64_t started = 0;
};

Outcome RunQueue(DispatchGateway::Stub& stub, const Load& load) {
  Outcome outcome;
  outcome.latencies.reserve(load.count);
  grpc::CompletionQueue queue;
  std::vector<Call> calls(std::min(load.in_flight, load.count));
  CourierLookupRequest request;
  std::size_t sent = 0;
  const auto start = [&](Call& call) {
    call.reader.reset();
    call.context.emplace();
    load.SetDeadline(*call.context);
    request.set_courier_id(load.Id(sent++));
    call.started = dispatchctl_bench::NowNanoseconds();
    call.reader = stub.AsyncGetCourierStatus(&*call.context, request, &queue);
    call.reader->Finish(&call.reply, &call.status, &call);
  };
  for (Call& call : calls) {
    start(call);
  }
  void* tag = nullptr;
  bool ok = false;
  while (outcome.latencies.size() < load.count && queue.Next(&tag, &ok)) {
    Call& call = *static_cast<Call*>(tag);
    Record(load, call.status, call.reply, call.started, outcome);
    if (sent < load.count) {
      start(call);
    }
  }
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return outcome;
}

std::vector<std::string> ReadIds(const std::string& path) {
  std::vector<std::string> ids;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) {
      ids.push_back(line);
    }
  }
  return ids;
}

}  // namespace

int main(int argc, char** argv) {
  const dispatchctl_bench::CommandLine arguments(
      argc, argv,
      "bench_raw_unary TARGET [--count N] [--in-flight N] [--deadline-ms N] [--blocking] [-f FILE_OF_IDS] "
      "[--print]",
      {"--blocking", "--print"});
  if (arguments.Positional().size() != 1) {
    arguments.Fail();
  }
  Load load;
  if (arguments.Has("-f")) {
    load.courier_ids = ReadIds(arguments.Text("-f", ""));
  } else {
    for (int i = 1; i <= 1000; ++i) {
      load.courier_ids.push_back("courier-" + std::to_string(i));
    }
  }
  load.count = arguments.Number("--count", arguments.Has("-f") ? load.courier_ids.size() : 100'000);
  load.in_flight = arguments.Number("--in-flight", 64);
  load.print = arguments.Has("--print");
  load.deadline_ms = arguments.Number("--deadline-ms", 0);
  if (load.courier_ids.empty() || load.in_flight == 0) {
    arguments.Fail();
  }
  const bool blocking = arguments.Has("--blocking");

  const auto channel = grpc::CreateChannel(arguments.Positional()[0], grpc::InsecureChannelCredentials());
  // Connecting is not part of a rate.
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5))) {
    std::fprintf(stderr, "bench_raw_unary: no connection to %s\n", arguments.Positional()[0].c_str());
    return 5;
  }
  const auto stub = DispatchGateway::NewStub(channel);
  const double cpu_before = dispatchctl_bench::CpuSeconds();
  const std::int64_t started = dispatchctl_bench::NowNanoseconds();
  Outcome outcome = blocking ? RunBlocking(*stub, load) : RunQueue(*stub, load);
  const double seconds = static_cast<double>(dispatchctl_bench::NowNanoseconds() - started) * 1e-9;
  const double cpu = dispatchctl_bench::CpuSeconds() - cpu_before;
  const auto calls = static_cast<double>(std::max<std::size_t>(load.count, 1));
  // Records, when asked for, own stdout.
  std::fprintf(load.print ? stderr : stdout,
               R"({"mode":"%s","calls":%zu,"failed":%zu,"in_flight":%zu,"seconds":%.4f,)"
               R"("calls_per_second":%.0f,"p50_us":%.1f,"p99_us":%.1f,"cpu_us_per_call":%.2f})"
               "\n",
               blocking ? "blocking" : "queue", load.count, outcome.failed, blocking ? 1 : load.in_flight,
               seconds, calls / seconds, dispatchctl_bench::PercentileMicroseconds(outcome.latencies, 0.50),
               dispatchctl_bench::PercentileMicroseconds(outcome.latencies, 0.99), cpu * 1e6 / calls);
  std::fflush(nullptr);
  _exit(outcome.failed == 0 ? 0 : 6);
}
