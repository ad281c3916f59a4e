#include "child_listener.h"

#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>

#include <cerrno>

#include "raw_syscall.h"

namespace bulkhead {
namespace {

// The listener's number, or 0 without one.
long load(const ChildOperation& operation) {
  const sock_fprog program{static_cast<unsigned short>(operation.size / sizeof(sock_filter)),
                           static_cast<sock_filter*>(const_cast<void*>(operation.data))};
  const auto load_with = [&](std::uint64_t flags) {
    return raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, static_cast<long>(flags), as_argument(&program));
  };
  const long r = load_with(operation.number);
  // Before Linux 5.19 a signal may restart a notified call; that costs time only.
  constexpr std::uint64_t waits_killable = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  return r == -EINVAL && (operation.number & waits_killable) != 0 ? load_with(operation.number & ~waits_killable) : r;
}

}  // namespace

void tell_launcher(const ChildProgram& program, const ChildReport& report) {
  raw_syscall(SYS_write, program.status_write_fd, as_argument(&report), sizeof(report));
}

long end_with_launcher(int status_fd) {
  if (long r = raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL); r < 0) return r;
  // It may have died before that: its end of the status pipe tells.
  pollfd status{status_fd, POLLOUT, 0};
  if (long r = raw_syscall(SYS_poll, as_argument(&status), 1, 0); r < 0) return r;
  return (status.revents & POLLERR) == 0 ? 0 : -EPIPE;
}

long load_filter(const ChildOperation& operation, const ChildProgram& program) {
  const bool listens = program.listener != nullptr && (operation.number & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  // Before it is loaded: what a filter allows afterwards is the policy's to say.
  if (listens) tell_launcher(program, {*program.progress, 0, 1});
  const long r = load(operation);
  if (listens && r >= 0) __atomic_store_n(program.listener, static_cast<std::int32_t>(r), __ATOMIC_SEQ_CST);
  return r;
}

long await_listener_taken() { return raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, 0); }

}  // namespace bulkhead
