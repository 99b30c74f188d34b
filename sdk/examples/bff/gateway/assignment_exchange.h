#pragma once

#include <dispatchctl/assignment_stream.h>
#include <dispatchctl/client.h>

#include <cstddef>
#include <functional>
#include <string_view>

#include "gateway/requester.h"

namespace bff {

/// How one stream of assignments is kept within bounds.
struct ExchangeOptions {
  std::size_t longest_line = std::size_t{64} << 10U;          ///< bytes
  std::size_t window = 256;                                   ///< assignments without a written result
  std::size_t max_outstanding_bytes = std::size_t{1} << 20U;  ///< of these
};

/// Lines of assignments in, lines of results out, at the same time.
///
/// What an exchange holds is bounded: a result that its requester does not take keeps its place in the
/// window, a full window stops the reading, and an unread request stops its sender.
class AssignmentExchange {
 public:
  /// Gets a piece of the input. False: no more is wanted.
  using Receiver = std::function<bool(std::string_view piece)>;

  /// Reads the input and calls its parameter with every piece of it, as it comes, on the same thread. Ends
  /// early when the requester goes or drains. True: the input came to its end.
  using ReadInput = std::function<bool(const Receiver&)>;

  /// Writes one record with its line end. Called by one thread at a time, but by several. False: nobody takes
  /// it any more.
  using WriteRecord = std::function<bool(std::string_view record)>;

  /// None of the references may be gone before Run has returned.
  AssignmentExchange(const dispatchctl::Client& client, Requester& requester, ExchangeOptions options = {});

  /// Takes the input to its end and gives every line its record: a result, or an error in its place. Blocks
  /// until the last one is written, or nobody takes them any more, which cancels the stream. `call` gives
  /// time-out and trace; the exchange sets the window and the callbacks. False: records are missing, as
  /// nobody took them.
  bool Run(dispatchctl::StreamOptions call, const ReadInput& read, const WriteRecord& write) const;

 private:
  const dispatchctl::Client& client_;
  Requester& requester_;
  ExchangeOptions options_;
};

}  // namespace bff
