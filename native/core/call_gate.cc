#include "call_gate.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "raw_syscall.h"

// Newer than the oldest headers that this is built with: include/uapi/linux/seccomp.h, Linux 6.6.
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

namespace bulkhead {

CallGate::CallGate(GateRules rules, Report report) : rules_(std::move(rules)), report_(std::move(report)) {}

CallGate::~CallGate() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

namespace {

// Asked once: a launcher that gave its privileges up may not ask.
KernelResult notification_sizes(seccomp_notif_sizes& sizes) {
  static seccomp_notif_sizes known{};
  static const long result = raw_syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, as_argument(&known));
  sizes = known;
  return result < 0 ? KernelResult::failed("seccomp SECCOMP_GET_NOTIF_SIZES", static_cast<int>(-result)) : KernelResult::of(0);
}

}  // namespace

KernelResult CallGate::start() {
  seccomp_notif_sizes sizes{};
  if (const KernelResult asked = notification_sizes(sizes); !asked.ok()) return asked;
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
  return KernelResult::of(0);
}

KernelResult CallGate::serve(UniqueFd listener, int pid, int pidfd) {
  KernelResult taken;
  {
    const std::lock_guard lock(mutex_);
    taken = take(std::move(listener), pid, pidfd);
    // Caller and gate take turns on one CPU, which is six times as fast. A kernel that does not know it answers EINVAL.
    ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  }
  wake();
  return taken;
}

KernelResult CallGate::resume(UniqueFd listener, int pid, int pidfd, UniqueFd memory) {
  KernelResult taken;
  {
    const std::lock_guard lock(mutex_);
    phase_ = GatePhase::run;
    taken = take(std::move(listener), pid, pidfd);
    if (memory) {
      memory_ = std::move(memory);
    } else if (taken.ok()) {
      taken = open_process(false);
    }
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

}  // namespace bulkhead
