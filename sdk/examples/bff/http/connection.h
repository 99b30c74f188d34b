#pragma once

#include <httplib.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "gateway/requester.h"

namespace bff {

/// A client's connection, read by one thread while another may write.
///
/// cpp-httplib's own stream is for one thread at a time: before it writes it peeks whether the client is
/// still there, and blocks when the reading thread was first to take what there was to see.
///
/// Thread safety: one thread reads and waits; one, the same or another, writes; StopInput, Drain, Abort and
/// Wake from any.
class Connection final : public httplib::Stream, public Requester {
 public:
  using Clock = std::chrono::steady_clock;

  /// Owns `socket`. A write that gets nothing through for `write_timeout` fails.
  Connection(int socket, std::chrono::milliseconds write_timeout);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* target, size_t size) override;
  ssize_t write(const char* source, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

  bool Wait() override;
  void Wake() override;
  void StopInput() override;
  bool draining() const override { return draining_; }

  /// Waits for the first byte of a request. False: none came in time, the client has gone, or this is the
  /// end.
  bool AwaitRequest(std::chrono::milliseconds timeout);

  /// Reads fail from here on; unset: never for that reason.
  void set_read_deadline(std::optional<Clock::time_point> deadline) { read_deadline_ = deadline; }

  /// Reads fail once so many more bytes were read; unset: never for that reason.
  void set_read_limit(std::optional<std::size_t> bytes) { read_limit_ = bytes; }

  /// Whether Drain ends the input that is being read, as it does between requests.
  void set_drain_stops_input(bool stops) { drain_stops_input_ = stops; }

  /// No further request, and no further input of one that goes on for as long as its client likes.
  void Drain();

  /// Ends everything now: reads, writes, waits.
  void Abort();

  /// Tells the client that nothing more comes, then throws away what it still sends, for at most `timeout`:
  /// to close before it has all been read could destroy the answer on its way (RFC 9112, section 9.6).
  void Linger(std::chrono::milliseconds timeout);

 private:
  bool input_ended() const { return aborted_ || input_stopped_ || (draining_ && drain_stops_input_); }
  void ClearWakeup();
  ssize_t Fill();

  const int socket_;
  const int wakeup_;
  const std::chrono::milliseconds write_timeout_;
  std::array<char, 16384> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::optional<Clock::time_point> read_deadline_;
  std::optional<std::size_t> read_limit_;
  std::atomic<bool> drain_stops_input_{true};
  std::atomic<bool> input_stopped_{false};
  std::atomic<bool> draining_{false};
  std::atomic<bool> aborted_{false};
};

}  // namespace bff
