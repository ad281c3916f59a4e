#include "seccomp_filters.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "raw_syscall.h"
#include "unique_fd.h"

namespace bulkhead {
namespace {

// A thread that runs stops in a few microseconds; one in a system call as soon as that can be interrupted.
constexpr long poll_interval_ns = 20'000;
constexpr long ns_per_ms = 1'000'000;
constexpr long ms_per_s = 1'000;

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * ms_per_s + now.tv_nsec / ns_per_ms;
}

// Raw: the wrapper would take the answer -1 of PEEK requests for an error, and types the request.
long trace(unsigned request, int tid, unsigned long address, unsigned long data) {
  return raw_syscall(SYS_ptrace, static_cast<long>(request), tid, static_cast<long>(address), static_cast<long>(data));
}

// The thread ids of a process; empty when it is gone.
std::vector<int> list_threads(int pid) {
  std::vector<int> tids;
  const std::string path = "/proc/" + std::to_string(pid) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (directory == nullptr) return tids;
  // One reader: the stream is this thread's own.
  while (const dirent* entry = readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string name = entry->d_name;
    int tid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), tid).ec == std::errc{}) tids.push_back(tid);
  }
  return tids;
}

// A file of /proc/PID/task/TID; empty when the thread is gone.
std::string read_thread_file(int pid, int tid, const char* name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + name;
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t size = file ? read(file.get(), text.data(), text.size()) : -1;
  return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

// Whether a thread is a zombie or gone; a first thread that has ended stays one while others live.
bool has_ended(int pid, int tid) {
  const std::string stat = read_thread_file(pid, tid, "stat");
  // The state stands behind the name, which may itself hold brackets: proc_pid_stat(5).
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return true;
  const char state = stat[name_end + 2];
  return state == 'Z' || state == 'X';
}

bool has_no_filter(int pid, int tid) {
  // SECCOMP_MODE_DISABLED; a line of its own in proc_pid_status(5).
  return read_thread_file(pid, tid, "status").find("\nSeccomp:\t0\n") != std::string::npos;
}

struct Tracee {
  int tid = 0;
  int pending_signal = 0;  // Was about to be delivered when the thread stopped; given back when it is let go.
};

// All stopped threads of one process. The thread that makes it is the tracer.
class StoppedProcess {
 public:
  StoppedProcess(int pid, int deadline_ms) : pid_(pid), deadline_(now_ms() + deadline_ms) {}
  StoppedProcess(const StoppedProcess&) = delete;
  StoppedProcess& operator=(const StoppedProcess&) = delete;
  ~StoppedProcess() {
    for (const Tracee& tracee : tracees_) trace(PTRACE_DETACH, tracee.tid, 0, static_cast<unsigned long>(tracee.pending_signal));
  }

  const std::vector<Tracee>& tracees() const { return tracees_; }

  // Until no thread is found that does not stand still: one that runs may have made another meanwhile.
  KernelResult stop_all() {
    for (std::vector<int> found = list_new(); !found.empty(); found = list_new()) {
      // All are told to stop before the first is waited for.
      for (const int tid : found) {
        if (const KernelResult told = tell_to_stop(tid); !told.ok()) return told;
      }
      for (const int tid : found) {
        if (const KernelResult stopped = wait_for_stop(tid); !stopped.ok()) return stopped;
      }
    }
    return tracees_.empty() ? KernelResult::failed("PTRACE_SEIZE", ESRCH) : KernelResult::of(0);
  }

 private:
  // Threads that were not there before; each is listed once.
  std::vector<int> list_new() {
    std::vector<int> found;
    for (const int tid : list_threads(pid_)) {
      if (std::find(seen_.begin(), seen_.end(), tid) == seen_.end()) found.push_back(tid);
    }
    seen_.insert(seen_.end(), found.begin(), found.end());
    return found;
  }

  KernelResult tell_to_stop(int tid) const {
    long r = trace(PTRACE_SEIZE, tid, 0, 0);
    if (r >= 0) r = trace(PTRACE_INTERRUPT, tid, 0, 0);
    // Of a zombie EPERM, of a thread that is gone ESRCH.
    return r >= 0 || has_ended(pid_, tid) ? KernelResult::of(0) : KernelResult::failed("PTRACE_SEIZE", static_cast<int>(-r));
  }

  KernelResult wait_for_stop(int tid) {
    for (;;) {
      siginfo_t info{};
      // Never WEXITED: the end of the process is for whoever waits for it, and a wait here would take it away.
      const long r = raw_syscall(SYS_waitid, P_PID, tid, as_argument(&info), WSTOPPED | WNOHANG | __WALL);
      if (r == -ECHILD) return KernelResult::of(0);
      if (r < 0) return KernelResult::failed("waitid", static_cast<int>(-r));
      if (info.si_pid == tid) {
        // In the high byte a stop of ptrace's own; without one, a signal on its way to the thread.
        const bool is_delivery = (info.si_status >> 8) == 0;
        tracees_.push_back({tid, is_delivery ? info.si_status : 0});
        return KernelResult::of(0);
      }
      // No wait for a stop reports a zombie.
      if (has_ended(pid_, tid)) return KernelResult::of(0);
      if (now_ms() > deadline_) return KernelResult::failed("PTRACE_INTERRUPT", ETIMEDOUT);
      const timespec interval{0, poll_interval_ns};
      nanosleep(&interval, nullptr);
    }
  }

  int pid_;
  std::int64_t deadline_;
  std::vector<int> seen_;
  std::vector<Tracee> tracees_;
};

ThreadFilters read_thread(int pid, int tid) {
  ThreadFilters read{tid, {}, 0};
  for (unsigned long index = 0;; ++index) {
    const long count = trace(PTRACE_SECCOMP_GET_FILTER, tid, index, 0);
    if (count == -ENOENT) return read;  // There are no more.
    // Of a thread without any filter EINVAL, which a kernel answers too that can show none.
    if (count == -EINVAL && has_no_filter(pid, tid)) return read;
    if (count < 0) {
      read.error = static_cast<int>(-count);
      return read;
    }
    std::string filter(static_cast<std::size_t>(count) * sizeof(sock_filter), '\0');
    if (const long r = trace(PTRACE_SECCOMP_GET_FILTER, tid, index, reinterpret_cast<unsigned long>(filter.data())); r < 0) {
      read.error = static_cast<int>(-r);
      return read;
    }
    read.filters.push_back(std::move(filter));
  }
}

FilterReading read_as_tracer(int pid, int deadline_ms) {
  FilterReading reading;
  StoppedProcess process(pid, deadline_ms);
  reading.result = process.stop_all();
  if (!reading.result.ok()) return reading;
  for (const Tracee& tracee : process.tracees()) reading.threads.push_back(read_thread(pid, tracee.tid));
  return reading;
}

// What a tracer and its caller share; the tracer may outlive the call.
struct SharedReading {
  std::mutex mutex;
  std::condition_variable finished;
  bool is_finished = false;
  FilterReading reading;
};

}  // namespace

FilterReading read_seccomp_filters(int pid, int deadline_ms) {
  const auto shared = std::make_shared<SharedReading>();
  try {
    std::thread tracer([shared, pid, deadline_ms] {
      FilterReading reading = read_as_tracer(pid, deadline_ms);
      const std::lock_guard<std::mutex> lock(shared->mutex);
      shared->reading = std::move(reading);
      shared->is_finished = true;
      shared->finished.notify_one();
    });
    std::unique_lock<std::mutex> lock(shared->mutex);
    // Attaching waits for a process in execve() (its cred_guard_mutex), whose program's file may be one that nobody ever serves.
    const bool in_time = shared->finished.wait_for(lock, std::chrono::milliseconds(2 * static_cast<std::int64_t>(deadline_ms)),
                                                   [&] { return shared->is_finished; });
    lock.unlock();
    if (in_time) {
      tracer.join();
      return std::move(shared->reading);
    }
    tracer.detach();
    FilterReading late;
    late.result = KernelResult::failed("PTRACE_SEIZE", ETIMEDOUT);
    return late;
  } catch (const std::system_error& error) {
    FilterReading failed;
    failed.result = KernelResult::failed("pthread_create", error.code().value());
    return failed;
  }
}

}  // namespace bulkhead
