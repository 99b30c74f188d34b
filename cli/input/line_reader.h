#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dispatchctl::cli {

/// One line of input, in place in the reader's buffer, without its line end.
struct Line {
  char* data = nullptr;  ///< data[size] may be written to, too
  std::size_t size = 0;
  std::uint64_t number = 0;  ///< from 1; of its first line where a record of CSV has several
  bool terminated = false;   ///< its newline was there
};

/// What a newline means.
enum class Framing {
  kLines,  ///< each ends a line
  kCsv,    ///< those within quotes belong to the field (RFC 4180)
};

/// Cuts what a descriptor gives into lines, without copying them and without waiting for more than is there.
///
/// Accepts CR LF, a last line without its newline, and a byte order mark at the start. A line longer than the
/// limit is passed over without being kept: memory stays within the limit and one chunk.
class LineReader {
 public:
  enum class Result {
    kLine,
    kTooLong,     ///< `number` says which; nothing else of the line is kept
    kOpenQuote,   ///< a quote in line `number` is not closed within the limit; goes on with the line after it
    kIncomplete,  ///< Fill first
    kEnd,
  };

  static constexpr std::size_t kDefaultChunkBytes = std::size_t{64} << 10U;

  explicit LineReader(std::size_t max_line_bytes, std::size_t chunk_bytes = kDefaultChunkBytes);

  /// Starts on a new input, of plain lines; line numbers start again.
  void Reset();

  /// From the next line on.
  void SetFraming(Framing framing) { framing_ = framing; }

  /// Reads once. Returns 0, or the error number; EAGAIN and EINTR count as nothing read. Lines given out
  /// before are gone afterwards.
  int Fill(int fd);

  Result Next(Line& line);

  /// True when Next would give another line without a Fill.
  bool HasLine() const;

  /// Bytes of this input before the line to come.
  std::uint64_t offset() const { return read_ - (end_ - begin_); }

 private:
  Result FinishLine(std::size_t end, bool terminated, Line& line);
  Result GiveUpQuote(Line& line);
  void StartLineAt(std::size_t begin);
  // True when the record goes on after this end of a line.
  bool GoesOn(std::size_t line_begin, std::size_t end, bool inside_quotes) const;
  void MakeRoom();

  std::size_t max_line_bytes_;
  std::size_t chunk_bytes_;
  std::vector<char> buffer_;  // one byte longer than is ever filled
  std::size_t begin_ = 0;     // of the line to come
  std::size_t end_ = 0;       // of what has been read
  std::size_t scanned_ = 0;   // no newline that ends the line between begin_ and here
  std::uint64_t number_ = 0;
  std::uint64_t read_ = 0;

  Framing framing_ = Framing::kLines;
  bool inside_quotes_ = false;         // at last_begin_
  std::size_t last_begin_ = 0;         // of the last line of the record to come
  std::size_t second_begin_ = 0;       // of its second line, where there is one
  std::uint64_t lines_in_record_ = 0;  // that have ended
  bool skipping_ = false;              // within a line that is too long
  bool at_end_ = false;
};

}  // namespace dispatchctl::cli
