// The session of a VM: one process, itself without a program, that the VM's processes are cloned from.
//
// A session is inherited and never joined, so one parent must clone them all. They need one between them: where the kernel
// schedules by session (sched(7), "The autogroup feature"), every message from the VMM to a device would cross from one
// scheduling group to another, which made a round trip a quarter slower. The launcher's own session will not do, because
// it may have a terminal.
#pragma once

#include <linux/sched.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>

#include "kernel_result.h"

namespace bulkhead {

// Memory of the launcher that a process cloned with CLONE_VM runs on until its exec or exit, with a guard page below.
class CloneStack {
 public:
  CloneStack();
  ~CloneStack();
  CloneStack(const CloneStack&) = delete;
  CloneStack& operator=(const CloneStack&) = delete;
  // Null when there was no memory.
  void* start() const;
  static std::size_t size();

 private:
  char* base_ = nullptr;
};

struct SessionOptions {
  bool core_create = false;  // A new core-scheduling cookie, which whatever is cloned from the session inherits.
  int core_share_pid = 0;    // A process whose cookie to take over instead; 0: none.
};

class Session {
 public:
  // Call it on a thread that lives as long as the launcher: the session's process dies with the thread that made it.
  static KernelResult open(const SessionOptions& options, std::unique_ptr<Session>& session);
  // Ends the session's process. What was cloned from it stays, and so does its session.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Number of the session.
  int id() const { return pid_; }

  // clone3 with the launcher as the parent (CLONE_PARENT is added) and no supplementary groups, in the network namespace
  // `network_fd`. From any thread, one at a time; blocks. The pid, or the call that failed.
  KernelResult clone(const clone_args& arguments, int network_fd, void (*entry)(void*), void* argument);

 private:
  enum class Turn : std::uint32_t { launcher, session };

  // What both sides share. The one whose turn it is may touch it.
  struct Exchange {
    std::uint32_t turn = static_cast<std::uint32_t>(Turn::launcher);  // A futex.
    clone_args arguments{};
    int network_fd = -1;
    void (*entry)(void*) = nullptr;
    void* argument = nullptr;
    const char* call = nullptr;
    long result = 0;
    SessionOptions options;
    int launcher_pid = -1;
  };

  Session() = default;
  KernelResult start(const SessionOptions& options);
  KernelResult take_turns();
  [[noreturn]] static void serve(void* exchange);
  static void prepare(Exchange& exchange);
  static void clone_once(Exchange& exchange);

  std::mutex one_at_a_time_;
  CloneStack stack_;
  Exchange exchange_;
  int pid_ = -1;
  int pidfd_ = -1;
};

}  // namespace bulkhead
