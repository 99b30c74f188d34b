// REST outside, gRPC inside: bff --server TARGET [--listen HOST:PORT]
#include <dispatchctl/client.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <future>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "http/routes.h"
#include "http/server.h"
#include "mapping/readiness.h"
#include "options.h"

namespace {

using std::chrono::milliseconds;

// How the waiting ended.
enum class Woken { kSignal, kServerEnded, kTimeout };

// What this program waits for: signals that stop it, and the end of its server.
class Events {
 public:
  // Before the first thread, which hand it on: these signals are waited for here, and interrupt nobody.
  Events() {
    sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, kServerEnded}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  void TellServerEnded() {
    server_ended_ = true;
    ::kill(::getpid(), kServerEnded);
  }

  // Unset: for as long as it takes.
  Woken Await(std::optional<milliseconds> timeout) const {
    const auto deadline = std::chrono::steady_clock::now() + timeout.value_or(milliseconds(0));
    for (;;) {
      int signal = 0;
      if (!timeout) {
        sigwait(&signals_, &signal);
      } else {
        const auto left = std::max<std::chrono::nanoseconds>(deadline - std::chrono::steady_clock::now(),
                                                             std::chrono::nanoseconds::zero());
        const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
        const timespec wait{.tv_sec = static_cast<time_t>(seconds.count()),
                            .tv_nsec = static_cast<long>((left - seconds).count())};
        signal = ::sigtimedwait(&signals_, nullptr, &wait);
        if (signal < 0 && errno != EINTR) return server_ended_ ? Woken::kServerEnded : Woken::kTimeout;
      }
      if (server_ended_) return Woken::kServerEnded;
      if (signal == SIGTERM || signal == SIGINT) return Woken::kSignal;
    }
  }

 private:
  // Anybody may send it: it only says to look.
  static constexpr int kServerEnded = SIGUSR1;

  sigset_t signals_;
  std::atomic<bool> server_ended_{false};
};

void PrintReady(const std::string& host, int port) {
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const nlohmann::ordered_json ready = {
      {"event", "ready"}, {"listen", {shown + ":" + std::to_string(port)}}, {"pid", ::getpid()}};
  std::cout << ready.dump() << std::endl;
}

int Fail(std::string_view what) {
  std::cerr << "bff: " << what << '\n';
  return EXIT_FAILURE;
}

int Serve(bff::Options options) {
  Events events;
  options.client.on_warning = [](std::string_view what) { std::cerr << "bff: " << what << '\n'; };
  const absl::StatusOr<dispatchctl::Client> client = dispatchctl::Client::Create(std::move(options.client));
  if (!client.ok()) return Fail(client.status().ToString());

  bff::Readiness readiness;
  std::promise<void> listening;
  bff::HttpServer server(options.http, [&listening] { listening.set_value(); });
  bff::AddRoutes(server, {.client = *client,
                          .readiness = readiness,
                          .lookup_limits = options.lookup_limits,
                          .stream_limits = options.stream_limits});
  int port = options.port;
  if (port == 0) {
    port = server.bind_to_any_port(options.host);
  } else if (!server.bind_to_port(options.host, port)) {
    port = -1;
  }
  if (port < 0) {
    return Fail("cannot listen on " + options.host + ":" + std::to_string(options.port) +
                "; is the port taken, or the address another machine's?");
  }
  std::thread accepting([&server, &events] {
    server.listen_after_bind();
    events.TellServerEnded();
  });
  listening.get_future().wait();
  client->Endpoints();  // begins to connect
  PrintReady(options.host, port);

  if (events.Await(std::nullopt) == Woken::kServerEnded) {
    accepting.join();
    return Fail("no more connections can be accepted");
  }
  readiness.BeginShutdown();
  // Here and below, a second signal means: at once.
  events.Await(options.shutdown_delay);
  server.Drain();
  if (events.Await(options.grace) != Woken::kServerEnded) {
    std::cerr << "bff: cutting off the requests that are still under way\n";
    server.Abort();
  }
  accepting.join();
  client->Shutdown(std::chrono::seconds(0)).IgnoreError();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = EXIT_SUCCESS;
  std::optional<bff::Options> options = bff::ParseCommandLine(argc, argv, &exit_code);
  return options ? Serve(*std::move(options)) : exit_code;
}
