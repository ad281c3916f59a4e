// Starting one confined process: clone into fresh namespaces and a cgroup, write its id maps, let it run its operations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "call_gate.h"
#include "child_operation.h"
#include "session.h"

namespace bulkhead {

struct SpawnRequest {
  std::vector<ChildOperation> operations;  // Paths and data point to memory that the caller keeps.
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::shared_ptr<Session> session;  // What the child is cloned from.
  std::uint64_t namespaces = 0;      // CLONE_NEW*, without the network's; the cgroup namespace is an operation of the child.
  int network_socket = -1;           // From begin_network_namespace, or -1 to stay in the launcher's.
  int cgroup_fd = -1;                // Directory of a v2 cgroup, or -1 to stay in the launcher's.
  std::string user_map;              // Content of /proc/PID/uid_map; empty without CLONE_NEWUSER.
  std::string group_map;
  std::shared_ptr<CallGate> gate;  // Answers the calls that the filter notifies; null for a filter without a listener.
  int deadline_ms = 10000;         // Longest wait for exec.
};

struct SpawnResult {
  int pid = -1;
  int pidfd = -1;
  // On failure: where it failed. `call` names the launcher's own system call, or is null when operation `operation` of
  // the child failed. `error` is the errno, 0 when an expectation was not met because the call succeeded. `killed` is the
  // signal that ended the child during `operation`, 0 when none did.
  bool failed = false;
  const char* call = nullptr;
  std::uint32_t operation = 0;
  int error = 0;
  int killed = 0;
};

// Blocks until the program runs or the child failed; call it from a thread of its own. On failure nothing of the child is
// left.
SpawnResult spawn_confined(const SpawnRequest& request);

}  // namespace bulkhead
