// What a confined child does between clone and exec: a list of operations, made ready by the launcher before the clone.
//
// The list is data, so that the plan alone decides what happens and in which order. Each operation has a name that
// failures carry back, and requirements that say why the order is as it is (src/sandbox/child_operations.ts orders them).
#pragma once

#include <cstddef>
#include <cstdint>

namespace bulkhead {

enum class Step : std::uint32_t {
  process_group,      // setpgid: a group of its own, so that nothing signals it together with another process.
  session_keyring,    // keyctl(JOIN_SESSION_KEYRING, NULL): an anonymous keyring instead of the launcher's.
  exec_context,       // path = the SELinux context of the program. Requires: the host's /proc, so before pivot_root.
  current_context,    // path = the SELinux context of this thread from now on. Requires: a /proc that may be written.
  memfd_noexec,       // vm.memfd_noexec of the own pid namespace = number, read back. Requires: the host's /proc, its root's uid.
  umask,              // number = mask.
  cgroup_namespace,   // unshare(CLONE_NEWCGROUP). Requires: already in its own cgroup, which becomes the root it sees.
  private_mounts,     // Mount propagation off, recursively. Requires: own mount namespace.
  attach_mount,       // Moves the detached mount `fd` to `path` below `directory` (AT_FDCWD: absolute).
  pivot_root,         // Makes the mount `fd` the root and detaches the old one. After this no path of the host exists.
  host_name,          // path = host name; also the NIS domain.
  place_fd,           // dup3(fd, number): `number` becomes a manifest fd that survives exec.
  close_other_fds,    // Closes everything above `number` but the status pipe and `fd` (-1: none); exec closes both.
  resource_limit,     // number = RLIMIT_*, value = hard = soft.
  group_id,           // setresgid(number). Requires: group map written.
  user_id,            // setresuid(number). Requires: user map written. Resets dumpability and PDEATHSIG.
  securebits,         // number = SECBIT_*. Requires: CAP_SETPCAP in the own user namespace.
  drop_bounding_set,  // PR_CAPBSET_DROP of every capability the kernel knows. Requires: CAP_SETPCAP.
  clear_ambient_set,  // PR_CAP_AMBIENT_CLEAR_ALL.
  drop_capabilities,  // capset to nothing. After this nothing privileged works, in any namespace.
  no_new_privs,       // Before landlock and seccomp: both refuse an unprivileged caller without it.
  landlock,           // landlock_restrict_self(fd).
  expect_open,        // Opens directory `path`; expects the errno `number` (0: success). Proves a path rule.
  expect_ambient,     // Raises an ambient capability; expects errno `number`. Proves that the securebits act.
  expect_securebits,  // Reads the securebits; expects exactly `number`, locks included.
  expect_own_keyring,  // Reads the session keyring; expects one, and not `number`, which is the launcher's.
  default_signals,     // All dispositions to default, nothing blocked.
  end_with_launcher,   // SIGKILL when the launcher dies. Requires: own user id, which resets it. Until listener_taken.
  seccomp_filter,      // Loads `data`, `size` bytes of struct sock_filter; number = SECCOMP_FILTER_FLAG_*.
  listener_taken,      // Waits until the launcher holds the filter's listener: the first notified call, and its answer.
  close_listener,      // Closes the own copy, which would keep start calls waiting for a launcher that is dead.
  exec,                // execve(path, argv, envp). Last.
};

struct ChildOperation {
  Step step;
  std::int32_t fd = -1;
  std::int32_t directory = -100;  // AT_FDCWD
  std::uint64_t number = 0;
  std::uint64_t value = 0;
  const char* path = nullptr;
  const void* data = nullptr;
  std::size_t size = 0;
};

// What the child tells its parent: that an operation failed, or that it is about to load a filter with a listener. After that
// it may not be able to tell anything. Nothing at all when exec succeeds.
struct ChildReport {
  std::uint32_t operation;  // Index into the list.
  std::int32_t error;       // errno; for an expect_* operation the errno that was observed, 0 for success.
  std::uint32_t loads;      // 1: no failure; `listener` of the program will be set.
};

// Everything the child reads. Lives in the parent's memory, which both share until exec; the parent keeps it until the
// status pipe closes.
struct ChildProgram {
  const ChildOperation* operations;
  std::size_t count;
  char* const* argv;
  char* const* envp;
  int go_read_fd;           // One byte arrives when the id maps are written; end of file when the parent died.
  int go_write_fd;          // The child's own copy, closed first: it would hide the parent's death.
  int status_read_fd;       // Likewise.
  int status_write_fd;      // Close-on-exec: end of file tells the parent that exec succeeded, or that the child was killed.
  std::uint32_t* progress;  // Index of the operation under way; tells the parent where a killed child died.
  std::int32_t* listener;   // The child's number of its filter's listener, -1 before there is one.
};

// Performs one operation in the calling thread, for a process that confines itself; not exec and not what a child does with
// its pipes and its listener. Raw system calls only: fit for a signal handler. Returns -1 when it did its work, else the errno;
// for an expect_* operation that was not met the errno that was observed, 0 for success.
int perform_alone(const ChildOperation& operation);

// Runs in the child. Never returns to its caller: exec or exit.
[[noreturn]] void run_child(const ChildProgram& program);

}  // namespace bulkhead
