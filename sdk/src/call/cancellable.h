#pragma once

namespace dispatchctl::internal {

// What a CallHandle names.
class Cancellable {
 public:
  virtual ~Cancellable() = default;
  virtual void Cancel() = 0;
};

}  // namespace dispatchctl::internal
