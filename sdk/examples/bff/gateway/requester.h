#pragma once

namespace bff {

/// The HTTP client as the calls made for it see it: something that can go away before its answer is there.
class Requester {
 public:
  virtual ~Requester() = default;

  /// Blocks until Wake was called since the last Wait, or the client is not worth waiting for any more.
  /// False: it has gone, or is to go now. Only one thread waits.
  virtual bool Wait() = 0;

  /// Ends a Wait, now or the next one. Any thread; does not block.
  virtual void Wake() = 0;

  /// Ends the reading of the client's input, now and for good, and a Wait as Wake does. Any thread; does not
  /// block.
  virtual void StopInput() = 0;

  /// True once no further input is to be taken, though what was taken is still answered. Whoever waits is
  /// woken when that happens.
  virtual bool draining() const = 0;
};

}  // namespace bff
