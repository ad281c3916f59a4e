#include "session.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clone3.h"
#include "raw_syscall.h"
#include "wait_exit.h"

namespace bulkhead {
namespace {

// Neither run_child nor serve, with their callees, uses 2 KiB; the rest is room for the compiler.
constexpr std::size_t stack_bytes = 64 * 1024;
constexpr std::size_t guard_bytes = 4096;
// Longest wait for the session's process to answer. It makes three system calls; a host under load takes some 20 ms.
constexpr timespec answer_deadline{10, 0};

// Private futexes are known by their address space, which both processes share.
void wake(std::uint32_t& turn) { raw_syscall(SYS_futex, as_argument(&turn), FUTEX_WAKE_PRIVATE, 1); }

long wait_while(std::uint32_t& turn, std::uint32_t value, const timespec* timeout) {
  return raw_syscall(SYS_futex, as_argument(&turn), FUTEX_WAIT_PRIVATE, static_cast<long>(value), as_argument(timeout));
}

}  // namespace

CloneStack::CloneStack() {
  void* memory = mmap(nullptr, stack_bytes + guard_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return;
  base_ = static_cast<char*>(memory);
  mprotect(base_, guard_bytes, PROT_NONE);
}

CloneStack::~CloneStack() {
  if (base_ != nullptr) munmap(base_, stack_bytes + guard_bytes);
}

void* CloneStack::start() const { return base_ == nullptr ? nullptr : base_ + guard_bytes; }

std::size_t CloneStack::size() { return stack_bytes; }

KernelResult Session::open(const SessionOptions& options, std::unique_ptr<Session>& session) {
  std::unique_ptr<Session> made(new Session());
  if (KernelResult r = made->start(options); !r.ok()) return r;
  session = std::move(made);
  return KernelResult::of(session->id());
}

KernelResult Session::start(const SessionOptions& options) {
  if (stack_.start() == nullptr) return KernelResult::failed("mmap", ENOMEM);
  exchange_.options = options;
  exchange_.launcher_pid = getpid();
  exchange_.turn = static_cast<std::uint32_t>(Turn::session);
  clone_args arguments{};
  // CLONE_FILES: the pidfds it makes are the launcher's. CLONE_VM: it runs this code on these arguments.
  arguments.flags = CLONE_VM | CLONE_FILES | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd_);
  // With CLONE_PARENT its children take this over; without it waitid(2) would not find them.
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<std::uint64_t>(stack_.start());
  arguments.stack_size = CloneStack::size();
  // A signal to a process that shares our memory must not run our handlers, and what is blocked now stays so in it.
  const std::uint64_t all = ~0ULL;
  std::uint64_t before = 0;
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, as_argument(&all), as_argument(&before), sizeof(all));
  const long pid = bulkhead_clone3(&arguments, sizeof arguments, &Session::serve, &exchange_);
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, as_argument(&before), 0, sizeof(before));
  if (pid < 0) return KernelResult::failed("clone3", static_cast<int>(-pid));
  pid_ = static_cast<int>(pid);
  return take_turns();
}

Session::~Session() {
  if (pid_ < 0) return;
  raw_syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, 0, 0);
  wait_exit(pidfd_);
  close(pidfd_);
}

KernelResult Session::clone(const clone_args& arguments, int network_fd, void (*entry)(void*), void* argument) {
  const std::lock_guard lock(one_at_a_time_);
  exchange_.arguments = arguments;
  exchange_.arguments.flags |= CLONE_PARENT;
  // clone3(2) wants none with CLONE_PARENT.
  exchange_.arguments.exit_signal = 0;
  exchange_.network_fd = network_fd;
  exchange_.entry = entry;
  exchange_.argument = argument;
  __atomic_store_n(&exchange_.turn, static_cast<std::uint32_t>(Turn::session), __ATOMIC_SEQ_CST);
  wake(exchange_.turn);
  return take_turns();
}

// Until the session's process has answered. One that does not is ended: it could write to our memory at any time.
KernelResult Session::take_turns() {
  constexpr auto session = static_cast<std::uint32_t>(Turn::session);
  while (__atomic_load_n(&exchange_.turn, __ATOMIC_SEQ_CST) == session) {
    if (wait_while(exchange_.turn, session, &answer_deadline) != -ETIMEDOUT) continue;
    raw_syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, 0, 0);
    // Gone before its memory is the caller's again; its zombie is the destructor's.
    wait_exit(pidfd_, WNOWAIT);
    if (__atomic_load_n(&exchange_.turn, __ATOMIC_SEQ_CST) != session) break;
    return KernelResult::failed("wait for the session's process", ETIMEDOUT);
  }
  if (exchange_.result < 0) return KernelResult::failed(exchange_.call, static_cast<int>(-exchange_.result));
  return KernelResult::of(exchange_.result);
}

// Runs in the session's process, which shares the launcher's memory: only raw system calls.
void Session::serve(void* shared) {
  auto& exchange = *static_cast<Exchange*>(shared);
  constexpr auto launcher = static_cast<std::uint32_t>(Turn::launcher);
  prepare(exchange);
  for (;;) {
    __atomic_store_n(&exchange.turn, launcher, __ATOMIC_SEQ_CST);
    wake(exchange.turn);
    while (__atomic_load_n(&exchange.turn, __ATOMIC_SEQ_CST) == launcher) wait_while(exchange.turn, launcher, nullptr);
    clone_once(exchange);
  }
}

void Session::prepare(Exchange& exchange) {
  const auto step = [&](const char* call, long result) {
    exchange.call = call;
    exchange.result = result;
    return result >= 0;
  };
  // The session ends with the launcher, however that dies.
  if (!step("prctl PR_SET_PDEATHSIG", raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL))) return;
  if (raw_syscall(SYS_getppid) != exchange.launcher_pid) raw_syscall(SYS_exit_group, 0);
  if (!step("setsid", raw_syscall(SYS_setsid))) return;
  // Here and not in a child: inside a user namespace where setgroups is denied it is denied to root as well.
  if (!step("setgroups", raw_syscall(SYS_setgroups, 0, 0))) return;
  const SessionOptions& options = exchange.options;
  if (!options.core_create && options.core_share_pid == 0) return;
  const int command = options.core_create ? PR_SCHED_CORE_CREATE : PR_SCHED_CORE_SHARE_FROM;
  step("prctl PR_SCHED_CORE", raw_syscall(SYS_prctl, PR_SCHED_CORE, command, options.core_share_pid, PR_SCHED_CORE_SCOPE_THREAD));
}

void Session::clone_once(Exchange& exchange) {
  exchange.call = "setns";
  exchange.result = raw_syscall(SYS_setns, exchange.network_fd, CLONE_NEWNET);
  if (exchange.result < 0) return;
  exchange.call = "clone3";
  exchange.result = bulkhead_clone3(&exchange.arguments, sizeof exchange.arguments, exchange.entry, exchange.argument);
}

}  // namespace bulkhead
