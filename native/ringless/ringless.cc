// Preloaded into a launcher's Node: io_uring_setup answers ENOSYS, so that libuv makes no ring.
//
// From 1.49 on libuv hands every epoll_ctl to a ring that it makes when a loop begins, before any JavaScript, and nothing turns
// that off. What a ring does passes no seccomp filter, so the launcher's filter refuses it; libuv then aborts. A filter in place
// of this library would keep its process from reading the filters of others back (PTRACE_SECCOMP_GET_FILTER asks for a tracer
// without one).
#include <cerrno>

#include "raw_syscall.h"

// syscall(2) of libc, by which libuv calls: with six arguments whatever the number, as the kernel takes them.
extern "C" long syscall(long number, long a, long b, long c, long d, long e, long f) {
  const long result = number == SYS_io_uring_setup ? -ENOSYS : bulkhead::raw_syscall(number, a, b, c, d, e, f);
  // Answers from -4095 on are errors: include/linux/err.h, MAX_ERRNO.
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}
