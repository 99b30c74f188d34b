// What the client library holds, and how long it takes to start: for many endpoints, for many lookups in
// flight, for many assignments without an answer. One measurement a process, as memory once used is not given
// back. For the latter two the server must never answer (dispatch-mock serve --fault hang).
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "bench_support.h"
#include "dispatchctl/client.h"

namespace {

using dispatchctl::AssignmentStream;
using dispatchctl::AssignmentUpdate;
using dispatchctl::CallOptions;
using dispatchctl::CallReport;
using dispatchctl::Client;
using dispatchctl::ClientOptions;
using dispatchctl::EndpointState;
using dispatchctl::EndpointStatus;
using dispatchctl::StreamOptions;

constexpr std::int64_t kPatienceNanoseconds = 60'000'000'000;

[[noreturn]] void Die(const char* what, const std::string& why) {
  std::fprintf(stderr, "bench_sdk_footprint: %s: %s\n", what, why.c_str());
  _exit(1);
}

struct Memory {
  std::size_t resident = 0;
  std::size_t heap = 0;  // what malloc has given out
};

Memory MemoryNow() {
  std::size_t pages = 0;
  std::size_t resident_pages = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%zu %zu", &pages, &resident_pages) != 2) {
    Die("/proc/self/statm", "cannot be read");
  }
  std::fclose(file);
  const struct mallinfo2 heap = mallinfo2();
  return {resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), heap.uordblks + heap.hblkhd};
}

// Until the process has used next to no CPU for a while: all that was to be done has been done.
void WaitUntilQuiet() {
  const std::int64_t deadline = dispatchctl_bench::NowNanoseconds() + kPatienceNanoseconds;
  for (double before = dispatchctl_bench::CpuSeconds();;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const double now = dispatchctl_bench::CpuSeconds();
    if (now - before < 0.001) return;
    if (dispatchctl_bench::NowNanoseconds() > deadline) Die("the process", "is never quiet");
    before = now;
  }
}

std::size_t WaitUntilReady(const Client& client) {
  const std::int64_t deadline = dispatchctl_bench::NowNanoseconds() + kPatienceNanoseconds;
  for (;;) {
    const std::vector<EndpointStatus> endpoints = client.Endpoints();
    const auto ready = [](const EndpointStatus& endpoint) { return endpoint.state == EndpointState::kReady; };
    if (!endpoints.empty() && std::all_of(endpoints.begin(), endpoints.end(), ready)) return endpoints.size();
    if (dispatchctl_bench::NowNanoseconds() > deadline) Die("the endpoints", "are not all ready");
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
}

double MillisecondsSince(std::int64_t started) {
  return static_cast<double>(dispatchctl_bench::NowNanoseconds() - started) * 1e-6;
}

void PrintGrowth(const char* of, std::size_t items, const Memory& before, const Memory& after) {
  std::printf(R"({"of":"%s","items":%zu,"heap_bytes":%lld,"resident_bytes":%lld})"
              "\n",
              of, items, static_cast<long long>(after.heap) - static_cast<long long>(before.heap),
              static_cast<long long>(after.resident) - static_cast<long long>(before.resident));
}

void MeasureEndpoints(ClientOptions options) {
  const Memory before = MemoryNow();
  const std::int64_t started = dispatchctl_bench::NowNanoseconds();
  const auto client = Client::Create(std::move(options));
  if (!client.ok()) Die("the client", std::string(client.status().message()));
  const auto answer = client->GetCourierStatus("courier-1");
  if (!answer.ok()) Die("the first lookup", std::string(answer.status().message()));
  const double first_answer = MillisecondsSince(started);
  const std::size_t endpoints = WaitUntilReady(*client);
  const double all_ready = MillisecondsSince(started);
  const double cpu = dispatchctl_bench::CpuSeconds();
  WaitUntilQuiet();
  const Memory after = MemoryNow();
  std::printf(R"({"of":"endpoints","items":%zu,"heap_bytes":%zu,"resident_bytes":%zu,)"
              R"("first_answer_ms":%.3f,"all_ready_ms":%.3f,"cpu_ms":%.3f})"
              "\n",
              endpoints, after.heap - before.heap, after.resident - before.resident, first_answer, all_ready,
              cpu * 1e3);
  std::fflush(nullptr);
  _exit(0);
}

void MeasureLookups(const Client& client, std::size_t count) {
  CallOptions options;
  options.total_timeout = std::chrono::minutes(10);
  const Memory before = MemoryNow();
  for (std::size_t i = 0; i < count; ++i) {
    client.GetCourierStatusAsync("courier-" + std::to_string(i % 1000 + 1), options,
                                 [](const auto& status, const CallReport&) {
                                   if (!status.ok()) Die("a lookup", std::string(status.status().message()));
                                 });
  }
  WaitUntilQuiet();
  PrintGrowth("lookups", count, before, MemoryNow());
}

void MeasureAssignments(const Client& client, std::size_t count) {
  StreamOptions options;
  options.window = count;
  options.max_outstanding_bytes = std::size_t{1} << 40U;
  options.idle_timeout.reset();
  options.on_result = [](const auto&) {};
  options.on_finished = [](const absl::Status& status, const CallReport&) {
    Die("the stream", std::string(status.message()));
  };
  const Memory before = MemoryNow();
  const auto stream = client.StreamAssignments(std::move(options));
  if (!stream.ok()) Die("the stream", std::string(stream.status().message()));
  for (std::size_t i = 0; i < count; ++i) {
    AssignmentUpdate update;
    update.assignment_id = "a-" + std::to_string(i);
    update.courier_id = "courier-" + std::to_string(i % 1000 + 1);
    update.destination_zone = "zone-" + std::to_string(i % 50);
    const absl::Status taken = (*stream)->Submit(std::move(update), i);
    if (!taken.ok()) Die("an assignment", std::string(taken.message()));
  }
  WaitUntilQuiet();
  PrintGrowth("assignments", count, before, MemoryNow());
  std::fflush(nullptr);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const dispatchctl_bench::CommandLine arguments(
      argc, argv, "bench_sdk_footprint TARGET [--lookups N | --assignments N]");
  if (arguments.Positional().size() != 1) arguments.Fail();
  ClientOptions options;
  options.target = arguments.Positional()[0];
  if (!arguments.Has("--lookups") && !arguments.Has("--assignments")) MeasureEndpoints(std::move(options));

  const auto client = Client::Create(std::move(options));
  if (!client.ok()) Die("the client", std::string(client.status().message()));
  WaitUntilReady(*client);
  WaitUntilQuiet();
  if (arguments.Has("--lookups")) {
    MeasureLookups(*client, arguments.Number("--lookups", 0));
  } else {
    MeasureAssignments(*client, std::max<std::size_t>(arguments.Number("--assignments", 0), 1));
  }
  std::fflush(nullptr);
  // What is in flight is left as it is.
  _exit(0);
}
