#pragma once

#include <dispatchctl/assignment_stream.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/options.h"
#include "output/assign_summary.h"
#include "output/record_stream.h"
#include "output/reorder_buffer.h"

namespace dispatchctl::cli {

/// Without details a table leaves out the line, which only failed records have: their message names it.
std::vector<Column> AssignColumns(OutputFormat format, bool detail);

/// Prints and counts what the server decided, and prints what was wrong with lines; as it comes, or in the
/// order of the input. OnResult runs on the SDK's thread, the rest on the feed's.
class AssignResults {
 public:
  struct Options {
    bool detail = false;
    /// Set: in the order of the input, with no more than this many results announced and not yet printed.
    std::optional<std::size_t> ordered_window{};
    std::function<void()> on_room{};  ///< after Expect has failed; on the SDK's thread
  };

  AssignResults(RecordStream& records, Options options);

  /// Announces what comes of the next record of the input; tags only grow. False when there is no room, which
  /// on_room tells of. True at once when nothing is to be kept in order.
  bool Expect(std::uint64_t tag);

  /// Nothing comes of the record announced last.
  void Withdraw();

  void OnResult(AssignmentOutcome&& outcome);

  /// A record that cannot be used. Waits for a slow reader until `interrupt_fd` becomes readable.
  void Report(std::uint64_t tag, std::string_view assignment_id, const ErrorReport& error, int interrupt_fd);

  /// How many results wait for one before them, which cannot come any more once the stream has ended.
  std::size_t held_back() const;

  /// Prints those too.
  void PrintHeldBack();

  /// Results so far.
  std::uint64_t count() const;

  /// Adds the counts so far.
  void AddTo(AssignSummary& summary) const;

 private:
  // A result or an error, kept until its turn comes.
  struct Held {
    AssignmentOutcome outcome;
    std::string endpoint;                // that the outcome's view does not outlive
    std::unique_ptr<ErrorReport> error;  // of the line in the outcome's tag
  };

  void Fill(RecordFormat& format, std::string& out, const AssignmentOutcome& outcome) const;
  static void FillError(RecordFormat& format, std::string& out, std::string_view assignment_id,
                        std::uint64_t tag, const ErrorReport& error);
  // Prints what is due; true when the records should be flushed. With mutex_ held.
  bool PrintDue();
  bool Print(Held& held);
  // Whether room was asked for and is there again. With mutex_ held.
  bool TakeRoomWanted();

  RecordStream& records_;
  const Options options_;

  mutable std::mutex mutex_;
  std::uint64_t accepted_ = 0;
  std::uint64_t rejected_ = 0;
  LatencyHistogram latency_;
  std::optional<ReorderBuffer<Held>> order_;
  bool room_wanted_ = false;
};

}  // namespace dispatchctl::cli
