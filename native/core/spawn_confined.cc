#include "spawn_confined.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "network_namespace.h"
#include "raw_syscall.h"
#include "unique_fd.h"
#include "wait_exit.h"

namespace bulkhead {
namespace {

// Fds that the child must move to their places come from above the manifest, so that no place is taken before its turn.
constexpr int above_manifest = 256;

SpawnResult failure_of(const char* call, int error) {
  SpawnResult result;
  result.failed = true;
  result.call = call;
  result.error = error;
  return result;
}

int write_file(int pid, const char* name, const std::string& content) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  UniqueFd fd(open(path, O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  return write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()) ? 0 : errno;
}

SpawnResult write_id_maps(int pid, const SpawnRequest& request) {
  if (request.user_map.empty()) return {};
  // setgroups before gid_map: afterwards the kernel would keep it allowed.
  if (int error = write_file(pid, "setgroups", "deny"); error != 0) return failure_of("write setgroups", error);
  if (int error = write_file(pid, "gid_map", request.group_map); error != 0) return failure_of("write gid_map", error);
  if (int error = write_file(pid, "uid_map", request.user_map); error != 0) return failure_of("write uid_map", error);
  return {};
}

// The status pipe closed without a report: the program runs, or the child was killed on the way. Until exec the list's
// progress is in our memory; a child that reached exec and is dead now is the business of whoever waits for the process.
SpawnResult judge_silence(int pidfd, std::uint32_t progress, const std::vector<ChildOperation>& operations) {
  if (progress < operations.size() && operations[progress].step == Step::exec) return {};
  siginfo_t info{};
  wait_exit(pidfd, info, WNOWAIT);
  SpawnResult result;
  result.failed = true;
  result.operation = progress;
  result.killed = info.si_status;
  return result;
}

// A cloned child as the parent sees it.
struct StartedChild {
  int pid;
  int pidfd;
  int status_fd;
  std::int32_t* listener;
};

// Loading a filter takes the kernel some 100 us, most of it for compiling.
constexpr timespec load_poll_interval{0, 20'000};

// After its announcement the child loads its filter and makes no call that could wake anybody: its number is looked for.
SpawnResult take_listener(const StartedChild& child, CallGate* gate) {
  if (gate == nullptr) return failure_of("take the listener", EINVAL);
  pollfd status{child.status_fd, POLLIN, 0};
  std::int32_t number = -1;
  while ((number = __atomic_load_n(child.listener, __ATOMIC_SEQ_CST)) < 0) {
    // It failed to load, or was killed: the caller reads why.
    if (poll(&status, 1, 0) > 0) return {};
    nanosleep(&load_poll_interval, nullptr);
  }
  const long taken = raw_syscall(SYS_pidfd_getfd, child.pidfd, number, 0);
  if (taken < 0) return failure_of("pidfd_getfd", static_cast<int>(-taken));
  const KernelResult served = gate->serve(UniqueFd(static_cast<int>(taken)), child.pid, child.pidfd);
  return served.ok() ? SpawnResult{} : failure_of(served.call, served.error);
}

// Waits for exec (end of file), a failed operation, or the deadline; on the way takes the listener of the child's filter.
SpawnResult await_exec(const StartedChild& child, CallGate* gate, int deadline_ms) {
  for (;;) {
    pollfd poll_status{child.status_fd, POLLIN, 0};
    int ready;
    do {
      ready = poll(&poll_status, 1, deadline_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) return failure_of("wait for exec", ETIMEDOUT);
    ChildReport report{};
    const ssize_t got = read(child.status_fd, &report, sizeof report);
    if (got == 0) return {};
    if (got != static_cast<ssize_t>(sizeof report)) return failure_of("read child status", got < 0 ? errno : EPROTO);
    if (report.loads == 0) {
      SpawnResult result;
      result.failed = true;
      result.operation = report.operation;
      result.error = report.error;
      return result;
    }
    if (const SpawnResult taken = take_listener(child, gate); taken.failed) return taken;
  }
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Copies of the fds that operations use while the manifest is placed and after it, above every place of the manifest, so that
// none is overwritten before its turn; closed with the spawn.
class LiftedFds {
 public:
  // The copy of `fd`, made once; -1 with errno set when there is none.
  int lift(int fd) {
    for (const Copy& copy : copies_) {
      if (copy.original == fd) return copy.lifted.get();
    }
    copies_.push_back({fd, UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, above_manifest))});
    return copies_.back().lifted.get();
  }

 private:
  struct Copy {
    int original;
    UniqueFd lifted;
  };
  std::vector<Copy> copies_;
};

bool outlives_placing(const ChildOperation& operation) {
  return operation.step == Step::place_fd || operation.step == Step::landlock || operation.step == Step::close_other_fds;
}

// Returns 0, or the errno of the copy that could not be made.
int lift_fds(std::vector<ChildOperation>& operations, LiftedFds& lifted) {
  for (ChildOperation& operation : operations) {
    if (!outlives_placing(operation) || operation.fd < 0) continue;
    operation.fd = lifted.lift(operation.fd);
    if (operation.fd < 0) return errno;
  }
  return 0;
}

void enter_child(void* program) { run_child(*static_cast<const ChildProgram*>(program)); }

void end_child(const SpawnResult& child) {
  raw_syscall(SYS_pidfd_send_signal, child.pidfd, SIGKILL, 0, 0);
  wait_exit(child.pidfd);
  close(child.pidfd);
}

}  // namespace

SpawnResult spawn_confined(const SpawnRequest& request) {
  UniqueFd go_read, go_write, status_read, status_write;
  if (!make_pipe(go_read, go_write) || !make_pipe(status_read, status_write)) return failure_of("pipe2", errno);
  // The status pipe must not sit where a manifest fd goes.
  UniqueFd high_status(fcntl(status_write.get(), F_DUPFD_CLOEXEC, above_manifest));
  if (!high_status) return failure_of("fcntl F_DUPFD_CLOEXEC", errno);
  status_write.reset();

  std::vector<ChildOperation> operations = request.operations;
  LiftedFds lifted;
  if (int error = lift_fds(operations, lifted); error != 0) return failure_of("fcntl F_DUPFD_CLOEXEC", error);

  const std::vector<char*> argv = pointers_to(request.argv);
  const std::vector<char*> envp = pointers_to(request.environment);
  const CloneStack stack;
  if (stack.start() == nullptr) return failure_of("mmap", ENOMEM);
  std::uint32_t progress = 0;
  std::int32_t listener = -1;
  ChildProgram program{operations.data(), operations.size(), argv.data(),       envp.data(), go_read.get(),
                       go_write.get(),    status_read.get(), high_status.get(), &progress,   &listener};
  // The thread that answers notified calls, before there is anybody to make one: exec itself waits for it.
  if (request.gate != nullptr) {
    if (const KernelResult started = request.gate->start(); !started.ok()) return failure_of(started.call, started.error);
  }

  int pidfd = -1;
  clone_args args{};
  // CLONE_VM: copying the page tables of a JavaScript engine costs more than all namespaces together. Not CLONE_VFORK:
  // the id maps must be written, and the session must clone others, while the child runs.
  args.flags = CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | request.namespaces;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.stack = reinterpret_cast<std::uint64_t>(stack.start());
  args.stack_size = CloneStack::size();
  if (request.cgroup_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(request.cgroup_fd);
  }
  const KernelResult network =
      request.network_socket < 0 ? own_network_namespace() : take_network_namespace(request.network_socket);
  if (!network.ok()) return failure_of(network.call, network.error);
  UniqueFd network_fd(static_cast<int>(network.value));
  const KernelResult cloned = request.session->clone(args, network_fd.get(), enter_child, &program);
  if (!cloned.ok()) return failure_of(cloned.call, cloned.error);
  network_fd.reset();
  high_status.reset();
  go_read.reset();

  SpawnResult child;
  child.pid = static_cast<int>(cloned.value);
  child.pidfd = pidfd;
  SpawnResult outcome = write_id_maps(child.pid, request);
  if (!outcome.failed) {
    if (write(go_write.get(), "g", 1) != 1) outcome = failure_of("write go", errno);
  }
  const StartedChild started{child.pid, pidfd, status_read.get(), &listener};
  if (!outcome.failed) outcome = await_exec(started, request.gate.get(), request.deadline_ms);
  if (!outcome.failed) outcome = judge_silence(pidfd, __atomic_load_n(&progress, __ATOMIC_SEQ_CST), operations);
  if (outcome.failed) {
    end_child(child);
    return outcome;
  }
  return child;
}

}  // namespace bulkhead
