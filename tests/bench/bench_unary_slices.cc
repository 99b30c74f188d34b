// The library's lookups and the generated stub's, in turn within one process and over the same seconds:
// slices are so short that what else a machine does falls on both. Prints the median of the ratios of
// neighbours, and their middle half, then all of them; and how many allocations a call of either makes.
#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "allocation_count.h"
#include "bench_support.h"
#include "dispatchctl/client.h"
#include "dispatchpb/dispatch.grpc.pb.h"

namespace {

using dispatchctl::CallReport;
using dispatchctl::Client;
using dispatchctl::ClientOptions;
using dispatchpb::CourierLookupRequest;
using dispatchpb::CourierStatusReply;
using dispatchpb::DispatchGateway;

constexpr int kCountedSlices = 9;

struct Slice {
  std::size_t calls = 0;
  std::size_t in_flight = 0;
};

// Made beforehand, for both.
const std::string& IdOf(std::size_t index) {
  static const std::vector<std::string> ids = [] {
    std::vector<std::string> made;
    for (int i = 1; i <= 1000; ++i) made.push_back("courier-" + std::to_string(i));
    return made;
  }();
  return ids[index % ids.size()];
}

// Waits for the end of a slice that another thread works on.
class Ended {
 public:
  void Notify() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
    ended_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

// One slice; how many of its lookups failed.
using RunSlice = std::function<std::size_t(const Slice&)>;

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(gpr_time_from_seconds(10, GPR_TIMESPAN));
}

// The stub, with a thread of its own for the completion queue, as the library has.
class Stub {
 public:
  explicit Stub(const std::shared_ptr<grpc::Channel>& channel) : stub_(DispatchGateway::NewStub(channel)) {}
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;
  ~Stub() {
    queue_.Shutdown();
    thread_.join();
  }

  std::size_t RunAsync(const Slice& slice) {
    slice_ = slice;
    sent_ = ended_count_ = failed_ = 0;
    if (calls_.size() != slice.in_flight) calls_ = std::vector<Call>(slice.in_flight);
    // From the queue's own thread, so that only that one counts.
    wake_.Set(&queue_, gpr_time_0(GPR_CLOCK_REALTIME), nullptr);
    ended_.Wait();
    return failed_;
  }

  std::size_t RunBlocking(const Slice& slice) {
    std::size_t failed = 0;
    CourierLookupRequest request;
    CourierStatusReply reply;
    for (std::size_t i = 0; i < slice.calls; ++i) {
      grpc::ClientContext context;
      SetDeadline(context);
      request.set_courier_id(IdOf(i));
      if (!stub_->GetCourierStatus(&context, request, &reply).ok()) ++failed;
    }
    return failed;
  }

 private:
  struct Call {
    std::optional<grpc::ClientContext> context;
    CourierStatusReply reply;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<CourierStatusReply>> reader;
  };

  void Serve() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
      if (tag == nullptr) {
        for (Call& call : calls_) Start(call);
        continue;
      }
      Call& call = *static_cast<Call*>(tag);
      if (!call.status.ok()) ++failed_;
      if (sent_ < slice_.calls) Start(call);
      if (++ended_count_ == slice_.calls) ended_.Notify();
    }
  }

  void Start(Call& call) {
    call.reader.reset();
    call.context.emplace();
    SetDeadline(*call.context);
    request_.set_courier_id(IdOf(sent_++));
    call.reader = stub_->AsyncGetCourierStatus(&*call.context, request_, &queue_);
    call.reader->Finish(&call.reply, &call.status, &call);
  }

  const std::unique_ptr<DispatchGateway::Stub> stub_;
  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;
  Slice slice_;
  std::vector<Call> calls_;
  CourierLookupRequest request_;
  std::size_t sent_ = 0;
  std::size_t ended_count_ = 0;
  std::size_t failed_ = 0;
  Ended ended_;
  std::thread thread_{[this] { Serve(); }};
};

class Library {
 public:
  explicit Library(const Client& client) : client_(client) {}

  std::size_t RunAsync(const Slice& slice) {
    slice_ = slice;
    sent_ = ended_count_ = failed_ = 0;
    // From inside a callback, so that only the client's own thread counts: an extra call, which the other has
    // as an alarm.
    client_.GetCourierStatusAsync(IdOf(0), {}, [this](const auto&, const CallReport&) {
      for (std::size_t i = 0; i < slice_.in_flight; ++i) Start();
    });
    ended_.Wait();
    return failed_;
  }

  std::size_t RunBlocking(const Slice& slice) {
    std::size_t failed = 0;
    CallReport report;
    for (std::size_t i = 0; i < slice.calls; ++i) {
      if (!client_.GetCourierStatus(IdOf(i), {}, &report).ok()) ++failed;
    }
    return failed;
  }

 private:
  void Start() {
    client_.GetCourierStatusAsync(IdOf(sent_++), {}, [this](const auto& status, const CallReport&) {
      if (!status.ok()) ++failed_;
      if (sent_ < slice_.calls) Start();
      if (++ended_count_ == slice_.calls) ended_.Notify();
    });
  }

  const Client& client_;
  Slice slice_;
  std::size_t sent_ = 0;
  std::size_t ended_count_ = 0;
  std::size_t failed_ = 0;
  Ended ended_;
};

struct Cost {
  double seconds = 0;
  double cpu = 0;
};

Cost Measure(const RunSlice& run, const Slice& slice, std::size_t& failed) {
  const double cpu = dispatchctl_bench::CpuSeconds();
  const std::int64_t started = dispatchctl_bench::NowNanoseconds();
  failed += run(slice);
  return {static_cast<double>(dispatchctl_bench::NowNanoseconds() - started) * 1e-9,
          dispatchctl_bench::CpuSeconds() - cpu};
}

double Quantile(std::vector<double> values, double fraction) {
  const auto position =
      values.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(values.size() - 1) * fraction);
  std::nth_element(values.begin(), position, values.end());
  return *position;
}

// Per call.
double Allocations(const RunSlice& run, const Slice& slice, std::size_t& failed) {
  const std::uint64_t before = dispatchctl_bench::AllocationCount();
  dispatchctl_bench::CountAllocations(true);
  failed += run(slice);
  dispatchctl_bench::CountAllocations(false);
  return static_cast<double>(dispatchctl_bench::AllocationCount() - before) /
         static_cast<double>(slice.calls);
}

void PrintAll(const char* name, const std::vector<double>& values) {
  std::printf(R"("%s":[)", name);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.4f", i == 0 ? "" : ",", values[i]);
  std::printf("]");
}

void PrintQuartiles(const char* name, const std::vector<double>& values) {
  std::printf(R"("%s":[%.3f,%.3f,%.3f],)", name, Quantile(values, 0.25), Quantile(values, 0.5),
              Quantile(values, 0.75));
}

}  // namespace

int main(int argc, char** argv) {
  const dispatchctl_bench::CommandLine arguments(
      argc, argv, "bench_unary_slices TARGET [--rounds N] [--calls N] [--in-flight N] [--blocking]",
      {"--blocking"});
  if (arguments.Positional().size() != 1) arguments.Fail();
  const bool blocking = arguments.Has("--blocking");
  const std::size_t rounds = arguments.Number("--rounds", 200);
  const Slice slice{arguments.Number("--calls", blocking ? 500 : 2000), arguments.Number("--in-flight", 64)};
  if (rounds == 0 || slice.in_flight == 0 || slice.calls < slice.in_flight) arguments.Fail();

  ClientOptions options;
  options.target = arguments.Positional()[0];
  auto client = Client::Create(std::move(options));
  const auto channel = grpc::CreateChannel(arguments.Positional()[0], grpc::InsecureChannelCredentials());
  if (!client.ok() || !client->GetCourierStatus(IdOf(0)).ok() ||
      !channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5))) {
    std::fprintf(stderr, "bench_unary_slices: no connection to %s\n", arguments.Positional()[0].c_str());
    return 5;
  }
  Stub stub(channel);
  Library library(*client);
  const RunSlice run_stub = [&](const Slice& s) { return blocking ? stub.RunBlocking(s) : stub.RunAsync(s); };
  const RunSlice run_library = [&](const Slice& s) {
    return blocking ? library.RunBlocking(s) : library.RunAsync(s);
  };

  std::size_t failed = 0;
  for (int warm_up = 0; warm_up < 3; ++warm_up) {
    Measure(run_stub, slice, failed);
    Measure(run_library, slice, failed);
  }
  std::vector<double> times;
  std::vector<double> cpus;
  std::vector<double> more_cpu;
  const double calls = static_cast<double>(slice.calls);
  for (std::size_t round = 0; round < rounds; ++round) {
    Cost ours;
    Cost theirs;
    // Either goes first as often as the other.
    if (round % 2 == 0) theirs = Measure(run_stub, slice, failed);
    ours = Measure(run_library, slice, failed);
    if (round % 2 != 0) theirs = Measure(run_stub, slice, failed);
    times.push_back(ours.seconds / theirs.seconds);
    cpus.push_back(ours.cpu / theirs.cpu);
    more_cpu.push_back((ours.cpu - theirs.cpu) * 1e6 / calls);
  }
  std::vector<double> our_allocations;
  std::vector<double> their_allocations;
  for (int counted = 0; counted < kCountedSlices; ++counted) {
    their_allocations.push_back(Allocations(run_stub, slice, failed));
    our_allocations.push_back(Allocations(run_library, slice, failed));
  }
  std::printf(R"({"mode":"%s","rounds":%zu,"calls":%zu,"in_flight":%zu,)", blocking ? "blocking" : "async",
              rounds, slice.calls, blocking ? 1 : slice.in_flight);
  PrintQuartiles("time_ratio", times);
  PrintQuartiles("cpu_ratio", cpus);
  PrintQuartiles("more_cpu_us_per_call", more_cpu);
  std::printf(R"("allocations_per_call":{"library":%.3f,"stub":%.3f},"samples":{)",
              Quantile(our_allocations, 0.5), Quantile(their_allocations, 0.5));
  PrintAll("time_ratio", times);
  std::printf(",");
  PrintAll("cpu_ratio", cpus);
  std::printf(",");
  PrintAll("more_cpu_us_per_call", more_cpu);
  std::printf(R"(},"failed":%zu})"
              "\n",
              failed);
  std::fflush(nullptr);
  _exit(failed == 0 ? 0 : 6);
}
