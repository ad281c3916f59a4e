// Reading the seccomp filters of a running process back from the kernel.
#pragma once

#include <string>
#include <vector>

#include "kernel_result.h"

namespace bulkhead {

struct ThreadFilters {
  int tid = 0;
  // Arrays of struct sock_filter, the oldest first, as the thread or its ancestors installed them.
  std::vector<std::string> filters;
  // What the kernel answered instead of a filter: EINVAL when it was built without CONFIG_CHECKPOINT_RESTORE, EACCES when the
  // caller has a filter itself. 0: all were read.
  int error = 0;
};

struct FilterReading {
  KernelResult result;
  std::vector<ThreadFilters> threads;
};

// Stops all threads of a process, reads the filters of each, and lets all go on: nobody can add a filter or a thread while
// they are read. What a thread waits for is restarted by the kernel as after any stop. Needs CAP_SYS_PTRACE over the process,
// CAP_SYS_ADMIN in the initial user namespace, and a caller without filters of its own. ETIMEDOUT: a thread did not stop
// within the deadline. Blocks the caller, for twice the deadline at most; the tracing itself happens on a thread that ends with
// it, or as soon as the kernel lets it, and the kernel lets go of whatever an ended tracer still held. So no process stays
// stopped, whatever happens here.
FilterReading read_seccomp_filters(int pid, int deadline_ms);

}  // namespace bulkhead
