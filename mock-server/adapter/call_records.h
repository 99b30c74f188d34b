#pragma once

#include <vector>

#include "mock-server/recording/call_log.h"
#include "mock-server/recording/call_record.h"
#include "mock-server/recording/verification.h"

namespace dispatchctl::mock {

// What was logged as bytes, for people and for verification.
CallList ToCallList(const CallLog::Snapshot& snapshot);

// In the order of their arrival.
std::vector<CallEvent> EventsOf(const CallLog::Snapshot& snapshot);

}  // namespace dispatchctl::mock
