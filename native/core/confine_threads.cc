#include "confine_threads.h"

#include <signal.h>
#include <time.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>
#include <string>

#include "raw_syscall.h"

namespace bulkhead {
namespace {

// SIGSETXID of glibc (nptl/internaltypes.h, sysdeps/unix/sysv/linux/internal-signals.h): its own way to reach every thread, which
// no function of glibc lets a program block. Node blocks all others in some of its threads.
constexpr int reach_signal = 33;
// A thread answers within microseconds; one in an uninterruptible call takes as long as the call. In ms.
constexpr long answer_deadline_ms = 5000;
constexpr long poll_interval_ns = 50'000;

// The kernel's own layout of struct sigaction.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};
// SA_RESTORER: asm/signal.h. x86-64 returns from no handler without one.
constexpr unsigned long sa_restorer = 0x04000000;

// What one thread is asked to do, and its answer. One at a time.
struct Task {
  const std::vector<ChildOperation>* operations = nullptr;
  int tid = 0;
  std::uint32_t operation = 0;
  int error = 0;
  int state = 0;  // 0: asked, 1: done, 2: failed. Written last.
};
Task* current_task = nullptr;

bool is_filter(const ChildOperation& operation) { return operation.step == Step::seccomp_filter; }

// In the thread that shall be confined, perhaps inside a signal handler: raw system calls only.
void perform_task(Task& task) {
  int state = 1;
  for (std::uint32_t index = 0; index < task.operations->size(); ++index) {
    const ChildOperation& operation = (*task.operations)[index];
    if (is_filter(operation)) continue;
    if (const int error = perform_alone(operation); error >= 0) {
      task.operation = index;
      task.error = error;
      state = 2;
      break;
    }
  }
  __atomic_store_n(&task.state, state, __ATOMIC_SEQ_CST);
}

void on_signal(int) {
  Task* task = __atomic_load_n(&current_task, __ATOMIC_SEQ_CST);
  if (task != nullptr && task->tid == raw_syscall(SYS_gettid)) perform_task(*task);
}

// rt_sigreturn, as glibc's own restorer; glibc refuses this signal, so its sigaction cannot be used.
extern "C" void bulkhead_restore_signal();
asm(R"(
.pushsection .text
.globl bulkhead_restore_signal
.hidden bulkhead_restore_signal
.type bulkhead_restore_signal, @function
bulkhead_restore_signal:
  mov $15, %eax
  syscall
.size bulkhead_restore_signal, . - bulkhead_restore_signal
.popsection
)");

std::set<int> list_threads() {
  std::set<int> tids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const std::string name = entry.path().filename();
    int tid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), tid).ec == std::errc()) tids.insert(tid);
  }
  return tids;
}

// Returns false when the thread has ended meanwhile.
bool ask_thread(Task& task) {
  __atomic_store_n(&current_task, &task, __ATOMIC_SEQ_CST);
  const long pid = raw_syscall(SYS_getpid);
  if (raw_syscall(SYS_tgkill, pid, task.tid, reach_signal) < 0) return false;
  constexpr long polls_max = answer_deadline_ms * 1'000'000 / poll_interval_ns;
  for (long polls = 0; polls < polls_max; ++polls) {
    if (__atomic_load_n(&task.state, __ATOMIC_SEQ_CST) != 0) return true;
    if (raw_syscall(SYS_tgkill, pid, task.tid, 0) == -ESRCH) return false;
    const timespec interval{0, poll_interval_ns};
    nanosleep(&interval, nullptr);
  }
  task.state = 2;
  task.error = ETIMEDOUT;
  return true;
}

ThreadsResult failure_of(const Task& task) {
  ThreadsResult result;
  result.failed = true;
  result.call = task.error == ETIMEDOUT ? "tgkill" : nullptr;
  result.operation = task.operation;
  result.error = task.error;
  result.tid = task.tid;
  return result;
}

// Until a whole pass finds no thread that was not asked: a thread made meanwhile by one that was not is not confined yet.
ThreadsResult confine_others(const std::vector<ChildOperation>& operations, int self) {
  std::set<int> asked{self};
  ThreadsResult result;
  for (bool found = true; found;) {
    found = false;
    const std::set<int> listed = list_threads();
    // Without its own thread in it the list could not be read: nobody would be confined, and all seem well.
    if (!listed.contains(self)) return {true, "readdir /proc/self/task", 0, EIO, 0, 0};
    for (const int tid : listed) {
      if (!asked.insert(tid).second) continue;
      found = true;
      Task task{&operations, tid};
      if (!ask_thread(task)) continue;
      if (task.state == 2) return failure_of(task);
      ++result.threads;
    }
  }
  return result;
}

ThreadsResult load_for_all(const std::vector<ChildOperation>& operations, ThreadsResult result) {
  for (std::uint32_t index = 0; index < operations.size(); ++index) {
    if (!is_filter(operations[index])) continue;
    if (const int error = perform_alone(operations[index]); error >= 0) return {true, nullptr, index, error, 0, 0};
  }
  return result;
}

}  // namespace

ThreadsResult confine_threads(const std::vector<ChildOperation>& operations) {
  KernelSigaction action{on_signal, sa_restorer | SA_RESTART | SA_ONSTACK, bulkhead_restore_signal, ~0ULL};
  KernelSigaction before{};
  const long size = sizeof action.mask;
  if (long r = raw_syscall(SYS_rt_sigaction, reach_signal, as_argument(&action), as_argument(&before), size); r < 0)
    return {true, "rt_sigaction", 0, static_cast<int>(-r), 0, 0};
  const int self = static_cast<int>(raw_syscall(SYS_gettid));
  ThreadsResult result = confine_others(operations, self);
  __atomic_store_n(&current_task, nullptr, __ATOMIC_SEQ_CST);
  raw_syscall(SYS_rt_sigaction, reach_signal, as_argument(&before), 0, size);
  if (result.failed) return result;
  Task own{&operations, self};
  perform_task(own);
  if (own.state == 2) return failure_of(own);
  ++result.threads;
  return load_for_all(operations, result);
}

}  // namespace bulkhead
