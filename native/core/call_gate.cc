#include "call_gate.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>

#include "raw_syscall.h"

// Newer than the oldest headers that this is built with: include/uapi/linux/seccomp.h, Linux 6.6.
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

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

CallGate::CallGate(GateRules rules, Report report) : rules_(std::move(rules)), report_(std::move(report)) {}

CallGate::~CallGate() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

KernelResult CallGate::start() {
  seccomp_notif_sizes sizes{};
  if (const long r = raw_syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, as_argument(&sizes)); r < 0)
    return KernelResult::failed("seccomp SECCOMP_GET_NOTIF_SIZES", static_cast<int>(-r));
  request_.resize(std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif)));
  response_.resize(std::max<std::size_t>(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
  wake_fd_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_) return KernelResult::failed("eventfd");
  // Signals are for the threads that expect them; the new one inherits what is blocked here.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  KernelResult started;
  try {
    thread_ = std::thread([this] { loop(); });
  } catch (const std::system_error& error) {
    started = KernelResult::failed("pthread_create", error.code().value());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

KernelResult CallGate::take(UniqueFd listener, int pid, int pidfd) {
  pidfd_ = UniqueFd(fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
  if (!pidfd_) return KernelResult::failed("fcntl F_DUPFD_CLOEXEC");
  pid_ = pid;
  listener_ = std::move(listener);
  // Caller and gate take turns on one CPU, which is six times as fast. A kernel that does not know it answers EINVAL.
  ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  return KernelResult::of(0);
}

KernelResult CallGate::serve(UniqueFd listener, int pid, int pidfd) {
  KernelResult taken;
  {
    const std::lock_guard lock(mutex_);
    taken = take(std::move(listener), pid, pidfd);
  }
  wake();
  return taken;
}

KernelResult CallGate::resume(UniqueFd listener, int pid, int pidfd) {
  KernelResult taken;
  {
    const std::lock_guard lock(mutex_);
    phase_ = GatePhase::run;
    taken = take(std::move(listener), pid, pidfd);
    if (taken.ok()) taken = open_process(false);
  }
  wake();
  return taken;
}

// A launcher that gave its privileges up may not open these; what it opened before stays.
KernelResult CallGate::open_process(bool with_root) {
  const std::string directory = "/proc/" + std::to_string(pid_);
  memory_ = UniqueFd(open((directory + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  if (!memory_) return KernelResult::failed("open /proc/PID/mem");
  if (with_root) {
    rules_.opens.root = UniqueFd(open((directory + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!rules_.opens.root) return KernelResult::failed("open /proc/PID/root");
  }
  // So that all was this process's, and not that of whoever has its pid now.
  const long alive = raw_syscall(SYS_pidfd_send_signal, pidfd_.get(), 0, 0, 0);
  return alive < 0 ? KernelResult::failed("pidfd_send_signal", static_cast<int>(-alive)) : KernelResult::of(0);
}

KernelResult CallGate::lock() {
  const std::lock_guard lock(mutex_);
  if (!listener_) return KernelResult::failed("lock down", ESRCH);
  if (phase_ != GatePhase::start) return KernelResult::of(0);
  if (const KernelResult opened = open_process(true); !opened.ok()) return opened;
  phase_ = GatePhase::attach;
  return KernelResult::of(0);
}

void CallGate::seal() {
  const std::lock_guard lock(mutex_);
  if (phase_ == GatePhase::attach) phase_ = GatePhase::run;
  rules_.opens.attach.clear();
  rules_.opens.root.reset();
}

GatePhase CallGate::phase() {
  const std::lock_guard lock(mutex_);
  return phase_;
}

UniqueFd CallGate::copy_listener() {
  const std::lock_guard lock(mutex_);
  return listener_ ? UniqueFd(fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0)) : UniqueFd();
}

void CallGate::wake() const {
  const std::uint64_t one = 1;
  if (wake_fd_) raw_syscall(SYS_write, wake_fd_.get(), as_argument(&one), sizeof one);
}

void CallGate::loop() {
  for (;;) {
    std::array<pollfd, 2> polled{};
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      // Without a process yet: poll passes over a negative fd.
      polled = {{{wake_fd_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}}};
    }
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[0].revents != 0) {
      std::uint64_t woken = 0;
      raw_syscall(SYS_read, wake_fd_.get(), as_argument(&woken), sizeof woken);
    }
    if ((polled[1].revents & POLLIN) != 0) {
      answer_next();
    } else if (polled[1].revents != 0) {
      // POLLHUP: no thread with this filter is left.
      const std::lock_guard lock(mutex_);
      listener_.reset();
      memory_.reset();
    }
  }
}

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
