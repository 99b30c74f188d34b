#include "http/server.h"

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "mapping/problem.h"

namespace bff {
namespace {

constexpr std::chrono::milliseconds kLinger{1000};

// A thread for each connection up to a limit. What is beyond runs where it was handed in, the accepting
// thread, and must not block there.
class Workers final : public httplib::TaskQueue {
 public:
  explicit Workers(std::size_t limit) : limit_(limit), pool_(limit) {}

  // void in cpp-httplib 0.11, bool from 0.15 on.
  using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue(nullptr));

  Enqueued enqueue(std::function<void()> task) override {
    if (busy_.fetch_add(1) >= limit_) {
      task();
      busy_.fetch_sub(1);
    } else {
      pool_.enqueue([this, task = std::move(task)] {
        task();
        busy_.fetch_sub(1);
      });
    }
    return Enqueued(true);
  }

  void shutdown() override { pool_.shutdown(); }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> busy_{0};
  httplib::ThreadPool pool_;
};

bool HasBody(const httplib::Request& request) {
  return request.has_header("Content-Length") || request.has_header("Transfer-Encoding");
}

}  // namespace

// Lets Drain and Abort find a connection.
class HttpServer::Registration {
 public:
  Registration(HttpServer& server, Connection& connection) : server_(server), connection_(connection) {
    const std::lock_guard<std::mutex> lock(server_.mutex_);
    server_.connections_.insert(&connection_);
    if (server_.draining_) connection_.Drain();
  }
  ~Registration() {
    const std::lock_guard<std::mutex> lock(server_.mutex_);
    server_.connections_.erase(&connection_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  HttpServer& server_;
  Connection& connection_;
};

HttpServer::HttpServer(HttpServerOptions options, std::function<void()> on_listening) : options_(options) {
  // cpp-httplib's default lets several processes share a port, each of them with a part of the connections.
  set_socket_options([](socket_t socket) {
    const int yes = 1;
    (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  // What the Keep-Alive header says; it is Serve that keeps it.
  set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(options.idle_timeout).count());
  set_keep_alive_max_count(1'000'000);
  new_task_queue = [this, on_listening = std::move(on_listening)] {
    accepting_thread_ = std::this_thread::get_id();
    on_listening();
    return new Workers(options_.max_connections);
  };
}

Connection& HttpServer::ConnectionOf(const httplib::Request& request) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return *requests_.at(&request);
}

void HttpServer::Drain() {
  stop();
  const std::lock_guard<std::mutex> lock(mutex_);
  draining_ = true;
  for (Connection* const connection : connections_) connection->Drain();
}

void HttpServer::Abort() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Connection* const connection : connections_) connection->Abort();
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  Connection connection(socket, options_.write_timeout);
  if (std::this_thread::get_id() == accepting_thread_) {
    Refuse(connection);
    return false;
  }
  const Registration registration(*this, connection);
  Serve(connection);
  return true;
}

void HttpServer::Serve(Connection& connection) {
  bool last = false;
  while (!last && connection.AwaitRequest(options_.idle_timeout)) {
    connection.set_read_deadline(Connection::Clock::now() + options_.header_timeout);
    connection.set_read_limit(options_.max_header_bytes);
    const httplib::Request* request = nullptr;
    bool closed = false;
    const bool answered = process_request(connection, /*close_connection=*/connection.draining(), closed,
                                          [&](httplib::Request& begun) {
                                            request = &begun;
                                            last = !Begin(begun, connection);
                                          });
    if (request != nullptr) {
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.erase(request);
    }
    connection.set_drain_stops_input(true);
    // Without a request that was understood there is no telling where the next one begins.
    if (!answered || closed || request == nullptr) last = true;
  }
  if (last) connection.Linger(kLinger);
}

bool HttpServer::Begin(httplib::Request& request, Connection& connection) {
  connection.set_read_limit(std::nullopt);
  connection.set_drain_stops_input(false);
  // Parts of what changes all the time are of no use; to ignore a Range is allowed.
  request.ranges.clear();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.emplace(&request, &connection);
  }
  if (!HasBody(request)) {
    // cpp-httplib would take everything up to the connection's end for the body (RFC 9112, section 6.3, has
    // it empty).
    request.set_header("Content-Length", "0");
    return true;
  }
  request.headers.erase("Connection");
  request.set_header("Connection", "close");
  return false;
}

void HttpServer::Refuse(Connection& connection) const {
  const Problem problem{
      .status = 503,
      .detail = "all " + std::to_string(options_.max_connections) + " connections are in use",
      .retry_after = std::chrono::seconds(1)};
  const std::string body = Dump(ToJson(problem));
  const std::string answer =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: " + std::string(kProblemMediaType) +
      "\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" + body;
  // It fits into the socket's buffer, which is empty.
  connection.write(answer.data(), answer.size());
  connection.Linger(std::chrono::milliseconds(0));
}

}  // namespace bff
