// The child between clone and exec. Only raw system calls: no allocation, no locks, no errno, no libc.
#include "child_operation.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>

#include "child_listener.h"
#include "exec_context.h"
#include "memfd_noexec.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

// Exit status of a child that failed before exec; the parent learns the reason from the status pipe.
constexpr int failed_before_exec = 126;
// CAP_LAST_CAP grows with kernels; the kernel answers EINVAL above its own last one. The ABI has room for 64.
constexpr int capability_limit = 64;
// Signals are numbered 1..64 (_NSIG in the kernel, which glibc hides behind SIGRTMAX).
constexpr int signal_limit = 64;
// The kernel's own layout of struct sigaction, which glibc's differs from.
struct KernelSigaction {
  void* handler;
  unsigned long flags;
  void* restorer;
  std::uint64_t mask;
};

long pivot(int root) {
  // The kernel stacks the old root on the new one, so that it needs no directory there: pivot_root(2), "pivot_root(".", ".")".
  if (long r = raw_syscall(SYS_fchdir, root); r < 0) return r;
  if (long r = raw_syscall(SYS_pivot_root, as_argument("."), as_argument(".")); r < 0) return r;
  if (long r = raw_syscall(SYS_umount2, as_argument("."), MNT_DETACH); r < 0) return r;
  return raw_syscall(SYS_chdir, as_argument("/"));
}

long set_host_name(const char* name) {
  const long length = length_of(name);
  if (long r = raw_syscall(SYS_sethostname, as_argument(name), length); r < 0) return r;
  return raw_syscall(SYS_setdomainname, as_argument("(none)"), 6);
}

long close_between(unsigned first, unsigned last) { return first > last ? 0 : raw_syscall(SYS_close_range, first, last, 0); }

// `kept` is one more fd to spare, or -1.
long close_other_fds(unsigned highest, int status_fd, int kept_fd) {
  const auto status = static_cast<unsigned>(status_fd);
  const auto kept = kept_fd < 0 ? status : static_cast<unsigned>(kept_fd);
  const unsigned low = kept < status ? kept : status;
  const unsigned high = kept < status ? status : kept;
  if (long r = close_between(highest + 1, low - 1); r < 0) return r;
  if (long r = close_between(low + 1, high - 1); r < 0) return r;
  return close_between(high + 1, ~0U);
}

long set_limit(std::uint64_t resource, std::uint64_t value) {
  const rlimit64 limit{value, value};
  return raw_syscall(SYS_prlimit64, 0, static_cast<long>(resource), as_argument(&limit), 0);
}

long drop_bounding_set() {
  for (int capability = 0; capability < capability_limit; ++capability) {
    const long r = raw_syscall(SYS_prctl, PR_CAPBSET_DROP, capability);
    if (r == -EINVAL) return 0;
    if (r < 0) return r;
  }
  return 0;
}

long set_capabilities(std::uint32_t low, std::uint32_t inheritable_low) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct data[2] = {{low, low, inheritable_low}, {0, 0, 0}};
  return raw_syscall(SYS_capset, as_argument(&header), as_argument(data));
}

// CAP_SETPCAP alone, inheritable too: then nothing but the securebits can refuse to make it ambient.
long raise_ambient() {
  constexpr std::uint32_t setpcap = 1U << CAP_SETPCAP;
  if (long r = set_capabilities(setpcap, setpcap); r < 0) return r;
  return raw_syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETPCAP);
}

long open_directory(const char* path) {
  const long fd = raw_syscall(SYS_openat, AT_FDCWD, as_argument(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? fd : raw_syscall(SYS_close, fd);
}

long reset_signals() {
  const KernelSigaction defaults{nullptr, 0, nullptr, 0};
  for (int signal = 1; signal <= signal_limit; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (long r = raw_syscall(SYS_rt_sigaction, signal, as_argument(&defaults), 0, sizeof(defaults.mask)); r < 0) return r;
  }
  const std::uint64_t nothing = 0;
  return raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, as_argument(&nothing), 0, sizeof(nothing));
}

// An expectation holds when the observed errno is the expected one. Otherwise the operation fails with what was observed.
bool met(long result, std::uint64_t expected_errno) { return -result == static_cast<long>(expected_errno); }

// Returns 0 or a positive result when the operation did its work, a negated errno when it did not. `expectation_failed`
// is set when the call came back otherwise than the operation expects, success included.
long perform(const ChildOperation& op, const ChildProgram& program, bool& expectation_failed) {
  const long number = static_cast<long>(op.number);
  switch (op.step) {
    case Step::process_group:
      return raw_syscall(SYS_setpgid, 0, 0);
    case Step::session_keyring:
      return raw_syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
    case Step::exec_context:
      return set_exec_context(op.path);
    case Step::current_context:
      return set_current_context(op.path);
    case Step::memfd_noexec:
      return set_memfd_noexec(op.number);
    case Step::umask:
      return raw_syscall(SYS_umask, number);
    case Step::cgroup_namespace:
      return raw_syscall(SYS_unshare, CLONE_NEWCGROUP);
    case Step::private_mounts:
      return raw_syscall(SYS_mount, 0, as_argument("/"), 0, MS_REC | MS_PRIVATE, 0);
    case Step::attach_mount:
      return raw_syscall(SYS_move_mount, op.fd, as_argument(""), op.directory, as_argument(op.path), MOVE_MOUNT_F_EMPTY_PATH);
    case Step::pivot_root:
      return pivot(op.fd);
    case Step::host_name:
      return set_host_name(op.path);
    case Step::place_fd:
      return raw_syscall(SYS_dup3, op.fd, number, 0);
    case Step::close_other_fds:
      return close_other_fds(static_cast<unsigned>(op.number), program.status_write_fd, op.fd);
    case Step::resource_limit:
      return set_limit(op.number, op.value);
    case Step::group_id:
      return raw_syscall(SYS_setresgid, number, number, number);
    case Step::user_id:
      return raw_syscall(SYS_setresuid, number, number, number);
    case Step::securebits:
      return raw_syscall(SYS_prctl, PR_SET_SECUREBITS, number);
    case Step::drop_bounding_set:
      return drop_bounding_set();
    case Step::clear_ambient_set:
      return raw_syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
    case Step::drop_capabilities:
      return set_capabilities(0, 0);
    case Step::no_new_privs:
      return raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1);
    case Step::landlock:
      return raw_syscall(SYS_landlock_restrict_self, op.fd, 0);
    case Step::expect_open: {
      const long r = open_directory(op.path);
      expectation_failed = !met(r, op.number);
      return r;
    }
    case Step::expect_ambient: {
      const long r = raise_ambient();
      expectation_failed = !met(r, op.number);
      return r;
    }
    case Step::expect_securebits: {
      const long bits = raw_syscall(SYS_prctl, PR_GET_SECUREBITS);
      expectation_failed = bits != number;
      return bits;
    }
    case Step::expect_own_keyring: {
      const long serial = raw_syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
      expectation_failed = serial < 0 || serial == number;
      return serial;
    }
    case Step::default_signals:
      return reset_signals();
    case Step::end_with_launcher:
      return end_with_launcher(program.status_write_fd);
    case Step::seccomp_filter:
      return load_filter(op, program);
    case Step::listener_taken:
      return await_listener_taken();
    case Step::close_listener:
      return raw_syscall(SYS_close, *program.listener);
    case Step::exec:
      return raw_syscall(SYS_execve, as_argument(op.path), as_argument(program.argv), as_argument(program.envp));
  }
  return -ENOSYS;
}

bool is_expectation(Step step) {
  return step == Step::expect_open || step == Step::expect_ambient || step == Step::expect_securebits ||
         step == Step::expect_own_keyring;
}

[[noreturn]] void leave() {
  for (;;) raw_syscall(SYS_exit_group, failed_before_exec);
}

[[noreturn]] void fail(const ChildProgram& program, std::size_t index, long result) {
  tell_launcher(program, {static_cast<std::uint32_t>(index), result < 0 ? static_cast<std::int32_t>(-result) : 0, 0});
  leave();
}

}  // namespace

int perform_alone(const ChildOperation& operation) {
  switch (operation.step) {
    case Step::exec:
    case Step::close_other_fds:
    case Step::end_with_launcher:
    case Step::listener_taken:
    case Step::close_listener:
      return ENOSYS;
    default:
      break;
  }
  bool expectation_failed = false;
  const long result = perform(operation, ChildProgram{}, expectation_failed);
  const bool failed = is_expectation(operation.step) ? expectation_failed : result < 0;
  if (!failed) return -1;
  return result < 0 ? static_cast<int>(-result) : 0;
}

void run_child(const ChildProgram& program) {
  // A launcher that is killed now must not leave a child that waits for ever. The end of the go pipe tells, unless a child
  // cloned at the same moment holds a copy of its other end; then the death signal does.
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  raw_syscall(SYS_close, program.go_write_fd);
  raw_syscall(SYS_close, program.status_read_fd);
  char go = 0;
  if (raw_syscall(SYS_read, program.go_read_fd, as_argument(&go), 1) != 1) leave();
  // The user id resets it in any case; what waits later sets it anew.
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, 0);
  for (std::size_t index = 0; index < program.count; ++index) {
    const ChildOperation& operation = program.operations[index];
    bool expectation_failed = false;
    __atomic_store_n(program.progress, static_cast<std::uint32_t>(index), __ATOMIC_SEQ_CST);
    const long result = perform(operation, program, expectation_failed);
    const bool failed = is_expectation(operation.step) ? expectation_failed : result < 0;
    if (failed) fail(program, index, result);
  }
  fail(program, program.count, -EINVAL);  // A list without exec.
}

}  // namespace bulkhead
