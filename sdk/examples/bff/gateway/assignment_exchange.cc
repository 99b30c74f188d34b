#include "gateway/assignment_exchange.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "mapping/line_splitter.h"
#include "mapping/problem.h"
#include "mapping/records.h"

namespace bff {
namespace {

Problem BadLine(std::string detail) {
  return {.status = 400, .detail = std::move(detail)};
}

Problem ShuttingDown() {
  return {.status = 503,
          .detail = "shutting down; what has no record here was not read",
          .retry_after = std::chrono::seconds(1)};
}

// One exchange under way.
class Exchange {
 public:
  Exchange(Requester& requester, const ExchangeOptions& options, const AssignmentExchange::WriteRecord& write)
      : requester_(requester), lines_(options.longest_line), options_(options), write_(write) {}

  bool Run(const dispatchctl::Client& client, dispatchctl::StreamOptions call,
           const AssignmentExchange::ReadInput& read);

 private:
  // False: no more lines are to be taken.
  bool Take(const LineSplitter::Line& line);
  bool Submit(dispatchctl::AssignmentUpdate update, std::uint64_t line);
  void PassOnResults();
  void AwaitEnd();
  void WriteWhatIsLeft(bool input_complete);
  void Write(const nlohmann::ordered_json& record);
  void GiveUp();

  Requester& requester_;
  LineSplitter lines_;
  const ExchangeOptions& options_;
  const AssignmentExchange::WriteRecord& write_;
  std::mutex writing_;
  std::atomic<bool> requester_gone_{false};
  std::atomic<bool> ended_{false};
  std::uint64_t lines_read_ = 0;
  std::mutex report_mutex_;
  dispatchctl::CallReport report_;
  std::unique_ptr<dispatchctl::AssignmentStream> stream_;
};

bool Exchange::Run(const dispatchctl::Client& client, dispatchctl::StreamOptions call,
                   const AssignmentExchange::ReadInput& read) {
  call.window = options_.window;
  call.max_outstanding_bytes = options_.max_outstanding_bytes;
  call.on_writable = [this] { requester_.Wake(); };
  call.on_finished = [this](const absl::Status&, const dispatchctl::CallReport& report) {
    const std::lock_guard<std::mutex> lock(report_mutex_);
    report_ = report;
  };
  absl::StatusOr<std::unique_ptr<dispatchctl::AssignmentStream>> stream =
      client.StreamAssignments(std::move(call));
  if (!stream.ok()) {
    Write(CutShortRecord(0, ProblemOf(stream.status(), {})));
    return !requester_gone_;
  }
  stream_ = *std::move(stream);
  std::jthread results([this] { PassOnResults(); });
  const auto take = [this](const LineSplitter::Line& line) { return Take(line); };
  bool input_complete =
      read([this, &take](std::string_view piece) { return lines_.Feed(piece, take) && !ended_; });
  if (input_complete) input_complete = lines_.Finish(take);
  if (!input_complete && !ended_ && !requester_.draining()) GiveUp();
  stream_->CloseSubmissions();
  AwaitEnd();
  results.join();
  WriteWhatIsLeft(input_complete);
  return !requester_gone_;
}

bool Exchange::Take(const LineSplitter::Line& line) {
  lines_read_ = line.number;
  if (line.too_long) {
    Write(FailedAssignmentRecord(
        std::nullopt, line.number,
        BadLine(absl::StrCat("line too long; at most ", options_.longest_line, " bytes"))));
    return !requester_gone_;
  }
  absl::StatusOr<dispatchctl::AssignmentUpdate> update = ParseAssignment(line.text);
  if (!update.ok()) {
    Write(FailedAssignmentRecord(std::nullopt, line.number, BadLine(std::string(update.status().message()))));
    return !requester_gone_;
  }
  return Submit(*std::move(update), line.number);
}

bool Exchange::Submit(dispatchctl::AssignmentUpdate update, std::uint64_t line) {
  for (;;) {
    if (requester_gone_) return false;
    const absl::Status status = stream_->TrySubmit(update, line);
    if (status.ok()) return true;
    switch (status.code()) {
      case absl::StatusCode::kResourceExhausted:
        if (!requester_.Wait()) {
          GiveUp();
          return false;
        }
        break;
      case absl::StatusCode::kInvalidArgument:
        Write(FailedAssignmentRecord(update.assignment_id, line, BadLine(std::string(status.message()))));
        return !requester_gone_;
      default:
        // The stream has ended. This line was read, and is nowhere but here.
        Write(FailedAssignmentRecord(
            update.assignment_id, line,
            {.status = 503, .detail = "not sent: the stream of assignments had ended", .retry_after = {}}));
        return false;
    }
  }
}

void Exchange::PassOnResults() {
  while (const std::optional<dispatchctl::AssignmentOutcome> outcome = stream_->Next()) {
    Write(ResultRecord(outcome->result));
  }
  ended_ = true;
  requester_.StopInput();
}

void Exchange::AwaitEnd() {
  while (!ended_) {
    if (!requester_.Wait()) {
      GiveUp();
      return;
    }
  }
}

void Exchange::WriteWhatIsLeft(bool input_complete) {
  if (requester_gone_) return;
  const absl::Status status = stream_->Finish();
  const Problem problem = [&] {
    const std::lock_guard<std::mutex> lock(report_mutex_);
    return status.ok() ? ShuttingDown() : ProblemOf(status, report_);
  }();
  for (const dispatchctl::UnacknowledgedAssignment& left : stream_->Unacknowledged()) {
    Write(FailedAssignmentRecord(left.update.assignment_id, left.tag, problem));
  }
  if (!input_complete) Write(CutShortRecord(lines_read_, problem));
}

void Exchange::Write(const nlohmann::ordered_json& record) {
  const std::string text = Dump(record) + "\n";
  const std::lock_guard<std::mutex> lock(writing_);
  if (!requester_gone_ && !write_(text)) GiveUp();
}

void Exchange::GiveUp() {
  requester_gone_ = true;
  if (stream_ != nullptr) stream_->Cancel();
}

}  // namespace

AssignmentExchange::AssignmentExchange(const dispatchctl::Client& client, Requester& requester,
                                       ExchangeOptions options)
    : client_(client), requester_(requester), options_(options) {}

bool AssignmentExchange::Run(dispatchctl::StreamOptions call, const ReadInput& read,
                             const WriteRecord& write) const {
  return Exchange(requester_, options_, write).Run(client_, std::move(call), read);
}

}  // namespace bff
