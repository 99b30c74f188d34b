#pragma once

#include <dispatchctl/lookup.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/options.h"
#include "input/input_files.h"
#include "output/error_report.h"
#include "process/feed_loop.h"

namespace dispatchctl::cli {

/// A line that holds no usable id. It is handed in as an empty id, so that its error keeps its place among
/// the results.
struct BadLookupLine {
  std::string courier_id;
  std::uint64_t line = 0;
  ErrorReport error;
};

/// Hands ids in, from the command line and from files, in the order they were given.
class LookupFeed final : public Feed {
 public:
  LookupFeed(const std::vector<LookupSource>& sources, InputFiles& files)
      : sources_(sources), files_(files) {}

  /// Must be called before the first Pump.
  void Attach(BulkLookup& lookup) { lookup_ = &lookup; }

  int input_fd() const override { return files_.fd(); }
  Wants Pump(bool readable) override;
  void CloseSubmissions() override { lookup_->CloseSubmissions(); }
  void Cancel() override { lookup_->Cancel(); }

  /// The bad line behind a tag, if that is what it is. From any thread.
  std::optional<BadLookupLine> TakeBadLine(std::uint64_t tag);

  /// Why reading stopped before the end.
  const std::optional<ErrorReport>& read_error() const { return read_error_; }

 private:
  enum class Step { kSubmitted, kNoRoom, kStopped };

  Step Submit(std::string_view courier_id);
  std::optional<Wants> PumpFile();
  Step SubmitLine(const Line& line);
  Step SubmitBadLine(const Line& line, std::string_view courier_id, std::string_view what);

  const std::vector<LookupSource>& sources_;
  InputFiles& files_;
  BulkLookup* lookup_ = nullptr;
  std::size_t source_ = 0;
  std::size_t file_ = 0;
  std::uint64_t tag_ = 0;
  std::optional<std::string> waiting_;  // an id that found no room
  std::optional<ErrorReport> read_error_;

  std::mutex mutex_;
  std::map<std::uint64_t, BadLookupLine> bad_lines_;
};

}  // namespace dispatchctl::cli
