// One bidirectional stream driven from one thread: the bare program `dispatchctl assign` is held against.
#include <absl/synchronization/mutex.h>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "bench_support.h"
#include "dispatchpb/dispatch.grpc.pb.h"

namespace {

using dispatchpb::AssignmentResult;
using dispatchpb::AssignmentUpdate;
using dispatchpb::DispatchGateway;

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "bench_raw_stream: %s\n", message.c_str());
  _exit(4);
}

class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;
  // Whether another update is there.
  virtual bool Ready() = 0;
  // Only after Ready() said yes.
  virtual void Take(AssignmentUpdate& update) = 0;
};

class GeneratedSource final : public Source {
 public:
  explicit GeneratedSource(std::size_t count) : count_(count) {}
  bool Ready() override { return taken_ < count_; }
  void Take(AssignmentUpdate& update) override {
    const std::size_t n = ++taken_;
    update.set_assignment_id("a-" + std::to_string(n));
    update.set_courier_id("courier-" + std::to_string(n % 1000 + 1));
    update.set_destination_zone("zone-" + std::to_string(n % 50));
  }

 private:
  std::size_t count_;
  std::size_t taken_ = 0;
};

// One flat object of strings without escapes on each line: all that a benchmark's input needs.
class FileSource final : public Source {
 public:
  explicit FileSource(const std::string& path) : file_(path == "-" ? 0 : open(path.c_str(), O_RDONLY)) {
    if (file_ < 0) {
      Die(path + ": " + std::strerror(errno));
    }
  }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override { close(file_); }

  bool Ready() override {
    while (line_end_ == nullptr) {
      if (begin_ < end_) {
        line_end_ = static_cast<char*>(std::memchr(&buffer_[begin_], '\n', end_ - begin_));
        if (line_end_ != nullptr) {
          break;
        }
      }
      if (!Refill()) {
        return false;
      }
    }
    return true;
  }

  void Take(AssignmentUpdate& update) override {
    const char* at = &buffer_[begin_];
    for (;;) {
      const std::string_view key = NextString(at);
      if (key.empty()) {
        break;
      }
      const std::string_view value = NextString(at);
      if (key == "assignment_id") {
        update.set_assignment_id(value.data(), value.size());
      } else if (key == "courier_id") {
        update.set_courier_id(value.data(), value.size());
      } else if (key == "destination_zone") {
        update.set_destination_zone(value.data(), value.size());
      }
    }
    begin_ = static_cast<std::size_t>(line_end_ - buffer_.data()) + 1;
    line_end_ = nullptr;
  }

 private:
  bool Refill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ + 1 >= buffer_.size()) {
      Die("a line is longer than the buffer");
    }
    const ssize_t got = read(file_, buffer_.data() + end_, buffer_.size() - end_ - 1);
    if (got < 0) {
      Die(std::string("read: ") + std::strerror(errno));
    }
    if (got == 0 && end_ > 0) {
      // A last line without a newline gets one; the next call finds nothing left.
      buffer_[end_++] = '\n';
      return true;
    }
    end_ += static_cast<std::size_t>(got);
    return got > 0;
  }

  std::string_view NextString(const char*& at) const {
    const auto quote = [this](const char* from) {
      return static_cast<const char*>(std::memchr(from, '"', static_cast<std::size_t>(line_end_ - from)));
    };
    const char* const open = quote(at);
    if (open == nullptr) {
      return {};
    }
    const char* const close = quote(open + 1);
    if (close == nullptr) {
      Die("a line is not a flat object of strings");
    }
    at = close + 1;
    return {open + 1, static_cast<std::size_t>(close - open - 1)};
  }

  int file_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{256} * 1024);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  char* line_end_ = nullptr;
};

class Output {
 public:
  explicit Output(bool enabled) : enabled_(enabled) { buffer_.reserve(kFull + 1024); }

  void Add(const AssignmentResult& result) {
    if (!enabled_) {
      return;
    }
    buffer_ += R"({"assignment_id":")";
    buffer_ += result.assignment_id();
    buffer_ += result.accepted() ? "\",\"accepted\":true}\n" : "\",\"accepted\":false}\n";
    if (buffer_.size() >= kFull) {
      Flush();
    }
  }

  void Flush() {
    std::size_t done = 0;
    while (done < buffer_.size()) {
      const ssize_t put = write(STDOUT_FILENO, buffer_.data() + done, buffer_.size() - done);
      if (put < 0) {
        Die(std::string("write: ") + std::strerror(errno));
      }
      done += static_cast<std::size_t>(put);
    }
    buffer_.clear();
  }

 private:
  static constexpr std::size_t kFull = std::size_t{64} * 1024;
  bool enabled_;
  std::string buffer_;
};

struct Limits {
  std::size_t window = 1024;
  // How many places must be free before a full window is filled again: a run of writes this long shares a
  // flush.
  std::size_t batch = 256;
  std::size_t flush_every = 512;
};

struct Outcome {
  std::size_t sent = 0;
  std::size_t received = 0;
  std::size_t accepted = 0;
  grpc::Status status;
};

Outcome Run(DispatchGateway::Stub& stub, Source& source, Output& output, const Limits& limits) {
  enum Tag : std::size_t { kStarted, kRead, kWritten, kHalfClosed, kFinished, kTags };
  std::array<char, kTags> tags{};
  const auto tag_of = [&tags](Tag tag) { return static_cast<void*>(&tags.at(tag)); };
  Outcome outcome;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  AssignmentUpdate update;
  AssignmentResult result;
  const auto stream = stub.AsyncStreamAssignments(&context, &queue, tag_of(kStarted));

  bool can_write = false;
  bool filling = true;
  bool closed = false;
  std::size_t unflushed = 0;
  const auto write_next = [&] {
    const std::size_t in_flight = outcome.sent - outcome.received;
    if (!can_write || closed) {
      return;
    }
    filling = in_flight < limits.window && (filling || in_flight + limits.batch <= limits.window);
    if (!filling) {
      return;
    }
    can_write = false;
    if (!source.Ready()) {
      closed = true;
      stream->WritesDone(tag_of(kHalfClosed));
      return;
    }
    source.Take(update);
    const bool first = outcome.sent == 0;
    ++outcome.sent;
    // A hint on a stream's first write can hang it, and one on the last message that is ready delays it.
    const bool hint =
        !first && unflushed + 1 < limits.flush_every && in_flight + 1 < limits.window && source.Ready();
    unflushed = hint ? unflushed + 1 : 0;
    grpc::WriteOptions options;
    if (hint) {
      options.set_buffer_hint();
    }
    stream->Write(update, options, tag_of(kWritten));
  };

  void* tag = nullptr;
  bool ok = false;
  bool finished = false;
  while (!finished && queue.Next(&tag, &ok)) {
    switch (static_cast<char*>(tag) - tags.data()) {
      case kStarted:
        can_write = ok;
        stream->Read(&result, tag_of(kRead));
        break;
      case kRead:
        if (!ok) {
          closed = true;
          stream->Finish(&outcome.status, tag_of(kFinished));
          break;
        }
        ++outcome.received;
        outcome.accepted += result.accepted() ? 1U : 0U;
        output.Add(result);
        stream->Read(&result, tag_of(kRead));
        break;
      case kWritten:
        can_write = ok;
        break;
      case kHalfClosed:
        break;
      case kFinished:
        finished = true;
        break;
      default:
        Die("a tag of nobody's");
    }
    write_next();
  }
  output.Flush();
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  const dispatchctl_bench::CommandLine arguments(
      argc, argv,
      "bench_raw_stream TARGET [-f FILE|- | --count N] [--window N] [--batch N] [--flush-every N]");
  if (arguments.Positional().size() != 1) {
    arguments.Fail();
  }
  Limits limits;
  limits.window = std::max<std::size_t>(arguments.Number("--window", limits.window), 1);
  limits.batch = std::clamp<std::size_t>(arguments.Number("--batch", limits.window / 4), 1, limits.window);
  limits.flush_every = std::max<std::size_t>(arguments.Number("--flush-every", limits.flush_every), 1);

  // Debian's abseil checks every lock for deadlocks, which costs a stream a tenth of its rate.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  grpc::ChannelArguments channel_arguments;
  channel_arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  const double cpu_before = dispatchctl_bench::CpuSeconds();
  const std::int64_t started = dispatchctl_bench::NowNanoseconds();
  const auto stub = DispatchGateway::NewStub(grpc::CreateCustomChannel(
      arguments.Positional()[0], grpc::InsecureChannelCredentials(), channel_arguments));

  std::unique_ptr<Source> source;
  if (arguments.Has("-f")) {
    source = std::make_unique<FileSource>(arguments.Text("-f", ""));
  } else {
    source = std::make_unique<GeneratedSource>(arguments.Number("--count", 1'000'000));
  }
  Output output(arguments.Has("-f"));
  const Outcome outcome = Run(*stub, *source, output, limits);

  const double seconds = static_cast<double>(dispatchctl_bench::NowNanoseconds() - started) * 1e-9;
  const double cpu = dispatchctl_bench::CpuSeconds() - cpu_before;
  const auto lines = static_cast<double>(std::max<std::size_t>(outcome.received, 1));
  std::fprintf(stderr,
               R"({"sent":%zu,"received":%zu,"accepted":%zu,"status":%d,"window":%zu,"seconds":%.4f,)"
               R"("lines_per_second":%.0f,"cpu_us_per_line":%.3f})"
               "\n",
               outcome.sent, outcome.received, outcome.accepted,
               static_cast<int>(outcome.status.error_code()), limits.window, seconds,
               static_cast<double>(outcome.received) / seconds, cpu * 1e6 / lines);
  if (!outcome.status.ok()) {
    std::fprintf(stderr, "bench_raw_stream: %s\n", outcome.status.error_message().c_str());
    _exit(64 + static_cast<int>(outcome.status.error_code()));
  }
  _exit(outcome.received == outcome.sent ? 0 : 8);
}
