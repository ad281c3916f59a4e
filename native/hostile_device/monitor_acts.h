// The registers of acts.h for a process that has no BAR, the one in the VMM's place: two commands of its monitor.
//
//   {"execute": "x-act-write", "arguments": {"place": 8, "bytes": "2a00000000000000"}, "id": 1}
//   {"execute": "x-act-read", "arguments": {"place": 88, "size": 8}, "id": 2}: the bytes as hexadecimal digits
#pragma once

#include <cstdint>

namespace bulkhead {

// What the monitor answers, as JSON: the bytes that were read, and an empty object to any other command.
const char* perform_monitor_act(const char* command, std::uint64_t size);

}  // namespace bulkhead
