// What a gate answers to one call; always with the gate locked.
#include "call_gate.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "raw_syscall.h"

namespace bulkhead {
namespace {

// Longer than any path that a policy declares.
constexpr std::size_t path_bytes = 256;
// What one process may have reported in a second; a loop of refused calls must not fill the event log.
constexpr unsigned window_reports_max = 8;
constexpr std::int64_t window_ms = 1000;

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

bool is_thread(std::uint64_t clone_flags) {
  constexpr std::uint64_t thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
  return (clone_flags & thread) == thread;
}

// Empty when it cannot be read or is longer than what a policy declares.
std::string read_path(int memory_fd, std::uint64_t address) {
  std::array<char, path_bytes> text{};
  // Short where the page behind it is not mapped.
  const ssize_t got = pread(memory_fd, text.data(), text.size(), static_cast<off_t>(address));
  const auto end = std::find(text.begin(), text.begin() + std::max<ssize_t>(got, 0), '\0');
  if (got <= 0 || end == text.begin() + got) return {};
  return {text.begin(), end};
}

}  // namespace

void CallGate::answer_next() {
  std::fill(request_.begin(), request_.end(), '\0');
  auto& call = *reinterpret_cast<seccomp_notif*>(request_.data());
  // ENOENT: the caller was killed meanwhile.
  if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return;
  const std::lock_guard lock(mutex_);
  answer(call);
}

void CallGate::answer(const seccomp_notif& call) {
  if (phase_ == GatePhase::start && may_start(call.data)) return respond(call, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
  std::string path;
  if (phase_ != GatePhase::start && call.data.nr == SYS_openat && answer_open(call, path)) return;
  refuse(call, std::move(path));
}

// The filter has judged every argument that a filter can see. Here is what no rule can say: once, and never a process.
bool CallGate::may_start(const seccomp_data& data) {
  switch (data.nr) {
    case SYS_execve:
      // Our own child's, whose arguments are still in our memory.
      return !std::exchange(executed_, true);
    case SYS_clone:
      return is_thread(data.args[0]);
    case SYS_execveat:
    case SYS_fork:
    case SYS_vfork:
    case SYS_clone3:
      return false;
    default:
      return true;
  }
}

bool CallGate::answer_open(const seccomp_notif& call, std::string& path) {
  path = read_path(memory_.get(), call.data.args[1]);
  // Whoever called still waits, so that what was read is what it asked for. It may change it now: nothing is read again.
  std::uint64_t id = call.id;
  if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) return true;
  if (is_absent(rules_.opens, path)) {
    respond(call, -ENOENT, 0);
    return true;
  }
  UniqueFd file;
  int error = 0;
  const int flags = static_cast<int>(call.data.args[2]);
  if (phase_ != GatePhase::attach || !open_declared(rules_.opens, path, flags, file, error)) return false;
  if (!file) {
    respond(call, -error, 0);
    return true;
  }
  seccomp_notif_addfd added{};
  added.id = call.id;
  // The fd and the answer in one step: Linux 5.14.
  added.flags = SECCOMP_ADDFD_FLAG_SEND;
  added.srcfd = static_cast<std::uint32_t>(file.get());
  added.newfd_flags = static_cast<std::uint32_t>(flags & O_CLOEXEC);
  if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &added) < 0 && errno != ENOENT) respond(call, -errno, 0);
  return true;
}

void CallGate::refuse(const seccomp_notif& call, std::string path) {
  RefusedCall refused;
  refused.tid = static_cast<int>(call.pid);
  refused.number = call.data.nr;
  std::copy(std::begin(call.data.args), std::end(call.data.args), std::begin(refused.args));
  refused.instruction_pointer = call.data.instruction_pointer;
  refused.path = std::move(path);
  refused.killed = rules_.kill;
  // Told before it is killed, so that nobody sees the death without its cause.
  report(std::move(refused));
  // Unanswered: it dies in its call.
  const bool killed = rules_.kill && raw_syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, 0, 0) == 0;
  if (!killed) respond(call, -EPERM, 0);
}

void CallGate::report(RefusedCall refused) {
  if (const std::int64_t now = now_ms(); now - window_start_ms_ >= window_ms) {
    window_start_ms_ = now;
    window_reports_ = 0;
  }
  if (window_reports_ >= window_reports_max) {
    ++unreported_;
    return;
  }
  ++window_reports_;
  refused.unreported = std::exchange(unreported_, 0);
  report_(refused);
}

void CallGate::respond(const seccomp_notif& call, int error, std::uint32_t flags) {
  std::fill(response_.begin(), response_.end(), '\0');
  auto& response = *reinterpret_cast<seccomp_notif_resp*>(response_.data());
  response.id = call.id;
  response.error = error;
  response.flags = flags;
  // ENOENT: the caller was killed meanwhile.
  ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace bulkhead
