#include "mock-server/storage/file_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rapidjson/writer.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

namespace dispatchctl::mock {
namespace {

// So that pending entries cannot grow without bound between two commits.
constexpr std::size_t kMaxPending = 1U << 20U;

absl::Status SystemError(std::string_view what, const std::string& path, int error) {
  return absl::InternalError(
      fmt::format("journal: cannot {} {}: {}", what, path, std::generic_category().message(error)));
}

// What rapidjson's writer needs of its output.
class StringOutput {
 public:
  using Ch = char;

  explicit StringOutput(std::string* out) : out_(out) {}
  void Put(char c) { out_->push_back(c); }
  void Flush() {}

 private:
  std::string* out_;
};

absl::StatusOr<std::uint64_t> CountLines(int descriptor, const std::string& path) {
  std::array<char, std::size_t{1} << 16U> buffer{};
  std::uint64_t lines = 0;
  char last = '\n';
  for (;;) {
    const ssize_t size = read(descriptor, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return SystemError("read", path, errno);
    if (size == 0) break;
    lines += static_cast<std::uint64_t>(std::count(buffer.begin(), buffer.begin() + size, '\n'));
    last = buffer.at(static_cast<std::size_t>(size - 1));
  }
  if (last != '\n') {
    return absl::InternalError(
        fmt::format("journal: {} ends in an incomplete line; repair or remove it", path));
  }
  return lines;
}

}  // namespace

void AppendJournalLine(std::uint64_t n, const JournalEntry& entry, std::string& out) {
  StringOutput output(&out);
  rapidjson::Writer<StringOutput> writer(output);
  const auto string = [&writer](std::string_view key, std::string_view value) {
    writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  writer.Key("n");
  writer.Uint64(n);
  string("listen", entry.listen);
  string("assignment_id", entry.update.assignment_id);
  string("courier_id", entry.update.courier_id);
  string("destination_zone", entry.update.destination_zone);
  writer.Key("accepted");
  writer.Bool(entry.decision.accepted);
  writer.Key("replay");
  writer.Bool(entry.decision.replay);
  writer.EndObject();
  out.push_back('\n');
}

absl::StatusOr<std::unique_ptr<FileJournal>> FileJournal::Open(std::string path) {
  // Read access only serves the line count: a pipe or device may be write-only.
  int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const bool readable = descriptor >= 0;
  if (!readable) descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return SystemError("open", path, errno);
  struct stat status {};
  const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  auto journal = std::unique_ptr<FileJournal>(new FileJournal(std::move(path), descriptor, regular, 0));
  if (regular && readable) {
    const absl::StatusOr<std::uint64_t> lines = CountLines(descriptor, journal->path_);
    if (!lines.ok()) return lines.status();
    journal->lines_ = *lines;
  }
  return journal;
}

FileJournal::FileJournal(std::string path, int descriptor, bool regular, std::uint64_t lines)
    : path_(std::move(path)), descriptor_(descriptor), regular_(regular), lines_(lines) {}

FileJournal::~FileJournal() {
  close(descriptor_);
}

absl::Status FileJournal::Append(const JournalEntry& entry) {
  const std::scoped_lock lock(mutex_);
  if (!failure_.ok()) return failure_;
  AppendJournalLine(++lines_, entry, pending_);
  return pending_.size() >= kMaxPending ? CommitLocked() : absl::OkStatus();
}

absl::Status FileJournal::Commit() {
  const std::scoped_lock lock(mutex_);
  return CommitLocked();
}

absl::Status FileJournal::CommitLocked() {
  std::string_view rest = pending_;
  while (failure_.ok() && !rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    failure_ = SystemError("write", path_, errno);
    // Leave no torn line: what this call wrote is not yet claimed by any result.
    const off_t end = regular_ ? lseek(descriptor_, 0, SEEK_END) : 0;
    const auto torn = static_cast<off_t>(pending_.size() - rest.size());
    if (end >= torn && torn > 0 && ftruncate(descriptor_, end - torn) != 0) {
      failure_ = SystemError("write and then truncate", path_, errno);
    }
  }
  pending_.clear();
  return failure_;
}

}  // namespace dispatchctl::mock
