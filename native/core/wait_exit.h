#pragma once

#include <sys/wait.h>
#include <cerrno>
#include "raw_syscall.h"

namespace bulkhead {

// Waits until a process has ended, whatever signals this thread takes meanwhile. `flags`: WNOWAIT leaves it to be waited for
// again. Returns 0 or a negated errno.
inline long wait_exit(int pidfd, siginfo_t& info, int flags = 0) {
  long result;
  do {
    result = raw_syscall(SYS_waitid, P_PIDFD, pidfd, as_argument(&info), WEXITED | flags);
  } while (result == -EINTR);
  return result;
}

inline void wait_exit(int pidfd, int flags = 0) {
  siginfo_t info{};
  wait_exit(pidfd, info, flags);
}

}  // namespace bulkhead
