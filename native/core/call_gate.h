// Answers the notified system calls of one process: those that it needs only to start.
//
// Until lock-down start calls are let through, the exec once. After it every one is refused and reported, but for opens that
// the policy declares: those get a file descriptor that is opened here, or ENOENT. Nothing is ever let through after lock-down,
// so no argument behind a pointer decides anything. When the gate is gone, the kernel answers every start call ENOSYS.
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "declared_opens.h"
#include "kernel_result.h"
#include "unique_fd.h"

namespace bulkhead {

struct GateRules {
  DeclaredOpens opens;
  bool kill = false;  // A refused call ends the process; otherwise it gets EPERM.
};

struct RefusedCall {
  int tid = 0;
  int number = 0;
  std::uint64_t args[6] = {};
  std::uint64_t instruction_pointer = 0;
  std::string path;              // Of an open; empty for another call, and when it could not be read.
  bool killed = false;           // The process was ended for it.
  std::uint32_t unreported = 0;  // Refused calls before this one that were too many to report.
};

enum class GatePhase : std::uint32_t { start, attach, run };

class CallGate {
 public:
  // Called on the gate's thread, with the gate locked: it must not call back.
  using Report = std::function<void(const RefusedCall&)>;

  CallGate(GateRules rules, Report report);
  // Ends the thread and closes the listener.
  ~CallGate();
  CallGate(const CallGate&) = delete;
  CallGate& operator=(const CallGate&) = delete;

  // Starts the thread. Call it before the clone: exec itself waits for an answer.
  KernelResult start();
  // Takes the listener of a process that is about to exec. `pid` and `pidfd` name it.
  KernelResult serve(UniqueFd listener, int pid, int pidfd);
  // Takes over the listener of a process that another launcher locked down. `memory`: its /proc/PID/mem, or empty to open that.
  KernelResult resume(UniqueFd listener, int pid, int pidfd, UniqueFd memory);
  // When it returns, no start call is under way to be let through, and none ever will be. ESRCH without a process.
  KernelResult lock();
  // Ends the attach phase: declared opens are refused from now on, too.
  void seal();
  GatePhase phase();
  // A copy of the listener for another holder; empty when the process has ended.
  UniqueFd copy_listener();

 private:
  void loop();
  void answer_next();
  void answer(const seccomp_notif& call);
  bool may_start(const seccomp_data& data);
  bool answer_open(const seccomp_notif& call, std::string& path);
  void refuse(const seccomp_notif& call, std::string path);
  void report(RefusedCall refused);
  void respond(const seccomp_notif& call, int error, std::uint32_t flags);
  KernelResult take(UniqueFd listener, int pid, int pidfd);
  KernelResult open_process(bool with_root);
  void wake() const;

  std::mutex mutex_;
  GateRules rules_;
  Report report_;
  GatePhase phase_ = GatePhase::start;
  UniqueFd listener_;
  UniqueFd wake_fd_;
  UniqueFd pidfd_;
  UniqueFd memory_;  // Of the program, for the paths of opens.
  int pid_ = 0;
  bool executed_ = false;
  bool stopping_ = false;
  std::int64_t window_start_ms_ = 0;
  unsigned window_reports_ = 0;
  std::uint32_t unreported_ = 0;
  // As large as this kernel wants them: seccomp(2), SECCOMP_GET_NOTIF_SIZES.
  std::vector<char> request_;
  std::vector<char> response_;
  std::thread thread_;
};

}  // namespace bulkhead
