#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "mock-server/domain/assignment_ledger.h"

namespace dispatchctl::mock {

// An append-only file, one JSON object a line. Entries are held in memory until Commit() writes them with one
// system call. The first failure is final: a journal with a hole in it would claim what is not so.
class FileJournal final : public AssignmentJournal {
 public:
  // Creates the file or appends to it, going on with its line count.
  static absl::StatusOr<std::unique_ptr<FileJournal>> Open(std::string path);

  FileJournal(const FileJournal&) = delete;
  FileJournal& operator=(const FileJournal&) = delete;
  FileJournal(FileJournal&&) = delete;
  FileJournal& operator=(FileJournal&&) = delete;
  ~FileJournal() override;

  absl::Status Append(const JournalEntry& entry) override;
  absl::Status Commit() override;

 private:
  FileJournal(std::string path, int descriptor, bool regular, std::uint64_t lines);

  absl::Status CommitLocked();

  const std::string path_;
  const int descriptor_;
  const bool regular_;
  std::mutex mutex_;
  std::uint64_t lines_;
  std::string pending_;
  absl::Status failure_;
};

// The entry as a line with its line feed, appended to `out`.
void AppendJournalLine(std::uint64_t n, const JournalEntry& entry, std::string& out);

}  // namespace dispatchctl::mock
