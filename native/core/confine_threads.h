// Confining this process while it runs: what the kernel keeps per thread (capabilities, securebits, a Landlock domain) is
// changed in every thread, by operations of child_operation.h; then one seccomp filter holds for all of them.
#pragma once

#include <vector>

#include "child_operation.h"

namespace bulkhead {

struct ThreadsResult {
  bool failed = false;
  const char* call = nullptr;   // The call of this function's own that failed; null when an operation did.
  std::uint32_t operation = 0;  // Index into the list.
  int error = 0;                // errno; for an expect_* operation the one that was observed.
  int tid = 0;                  // The thread in which it failed.
  int threads = 0;              // How many were confined.
};

// Call it from the main thread. Other threads run their part in a handler of a signal that no thread can block. When it fails,
// some threads may be confined and others not: the process must not go on. The list ends with the seccomp filter, which
// is loaded by the calling thread for all (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH).
ThreadsResult confine_threads(const std::vector<ChildOperation>& operations);

}  // namespace bulkhead
