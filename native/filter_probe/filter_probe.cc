// Asks the kernel what it answers to system calls under a seccomp filter: each call in a process of its own, as most answers are
// the end of that process. Without libc, so that a call meets nothing of a library's. Root drops to an unused uid first: a call
// that goes through meets no privilege.
//
// Standard input is a stream of records, standard output one answer for each call, in order. Native byte order throughout.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "raw_syscall.h"

namespace bulkhead {
namespace {

// The answer leaves by fd 3, the only one that every role may write to: it is the launcher's end of the image judge.
constexpr int answer_fd = 3;
constexpr int arguments = 6;
constexpr int malformed = 2;
constexpr int unprepared = 101;
// The last uid but one of 16 bits: nobody, on every Linux.
constexpr long nobody = 65534;

enum class Record : std::uint32_t { filter = 1, call = 2 };

struct Call {
  std::uint32_t wait_ms;
  std::uint32_t unused;
  std::int64_t number;
  std::uint64_t argument[arguments];
};

enum class How : std::uint32_t { returned = 0, signalled = 1, exited = 2, late = 3 };

struct Answer {
  How how;
  std::uint32_t unused;
  std::int64_t value;
};

sock_filter instructions[BPF_MAXINSNS];
unsigned short instruction_count = 0;

[[noreturn]] void leave(int status) {
  for (;;) raw_syscall(SYS_exit_group, status);
}

long require(long result) {
  if (result < 0) leave(unprepared);
  return result;
}

// False: the stream ended before the first byte.
bool read_exactly(void* target, std::uint64_t size) {
  auto* place = static_cast<unsigned char*>(target);
  std::uint64_t got = 0;
  while (got < size) {
    const long count = raw_syscall(SYS_read, STDIN_FILENO, as_argument(place + got), static_cast<long>(size - got));
    if (count == -EINTR) continue;
    if (count < 0 || (count == 0 && got > 0)) leave(malformed);
    if (count == 0) return false;
    got += static_cast<std::uint64_t>(count);
  }
  return true;
}

void write_exactly(int fd, const void* bytes, std::uint64_t size) {
  const auto* place = static_cast<const unsigned char*>(bytes);
  while (size > 0) {
    const long count = raw_syscall(SYS_write, fd, as_argument(place), static_cast<long>(size));
    if (count == -EINTR) continue;
    if (count <= 0) leave(unprepared);
    place += count;
    size -= static_cast<std::uint64_t>(count);
  }
}

void read_filter() {
  std::uint32_t count = 0;
  if (!read_exactly(&count, sizeof count) || count == 0 || count > BPF_MAXINSNS) leave(malformed);
  if (!read_exactly(instructions, count * sizeof(sock_filter))) leave(malformed);
  instruction_count = static_cast<unsigned short>(count);
}

[[noreturn]] void make_call(const Call& call) {
  require(raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1));
  const sock_fprog program{instruction_count, instructions};
  require(raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, as_argument(&program)));
  const auto argument = [&call](int index) { return static_cast<long>(call.argument[index]); };
  const long value = raw_syscall(call.number, argument(0), argument(1), argument(2), argument(3), argument(4), argument(5));
  // write and exit_group are run calls of every role.
  raw_syscall(SYS_write, answer_fd, as_argument(&value), sizeof value);
  leave(0);
}

// Whether the child ended by itself in time. It is ended in any case, and waited for.
bool await(long child, std::uint32_t wait_ms, int& status) {
  const long pidfd = require(raw_syscall(SYS_pidfd_open, child, 0));
  pollfd ended{static_cast<int>(pidfd), POLLIN, 0};
  const long count = raw_syscall(SYS_poll, as_argument(&ended), 1, static_cast<int>(wait_ms));
  if (count != 1) require(raw_syscall(SYS_kill, child, SIGKILL));
  require(raw_syscall(SYS_wait4, child, as_argument(&status), 0, 0));
  raw_syscall(SYS_close, pidfd);
  return count == 1;
}

Answer ask(const Call& call, long null) {
  int ends[2] = {-1, -1};
  require(raw_syscall(SYS_pipe2, as_argument(ends), O_CLOEXEC));
  const long child = require(raw_syscall(SYS_clone, SIGCHLD));
  if (child == 0) {
    // Whatever a call does to the lowest fds, it does to these.
    for (int fd = 0; fd <= 2; ++fd) raw_syscall(SYS_dup2, null, fd);
    if (ends[1] != answer_fd) require(raw_syscall(SYS_dup2, ends[1], answer_fd));
    make_call(call);
  }
  raw_syscall(SYS_close, ends[1]);
  int status = 0;
  const bool in_time = await(child, call.wait_ms, status);
  std::int64_t value = 0;
  const bool answered = raw_syscall(SYS_read, ends[0], as_argument(&value), sizeof value) == sizeof value;
  raw_syscall(SYS_close, ends[0]);
  if (!in_time) return {How::late, 0, 0};
  if (WIFSIGNALED(status)) return {How::signalled, 0, WTERMSIG(status)};
  if (answered) return {How::returned, 0, value};
  if (WEXITSTATUS(status) == unprepared) leave(unprepared);
  return {How::exited, 0, WEXITSTATUS(status)};
}

// Nothing that a call does after this is done by root, and what System V IPC it makes goes with this process.
void drop_privilege() {
  const rlimit none{0, 0};
  require(raw_syscall(SYS_setrlimit, RLIMIT_CORE, as_argument(&none)));
  if (raw_syscall(SYS_geteuid) != 0) return;
  require(raw_syscall(SYS_unshare, CLONE_NEWIPC | CLONE_NEWUTS));
  require(raw_syscall(SYS_setgroups, 0, 0));
  require(raw_syscall(SYS_setresgid, nobody, nobody, nobody));
  require(raw_syscall(SYS_setresuid, nobody, nobody, nobody));
}

[[noreturn]] void serve() {
  const long null = require(raw_syscall(SYS_openat, AT_FDCWD, as_argument("/dev/null"), O_RDWR | O_CLOEXEC));
  drop_privilege();
  Record record{};
  while (read_exactly(&record, sizeof record)) {
    if (record == Record::filter) {
      read_filter();
      continue;
    }
    Call call{};
    if (record != Record::call || instruction_count == 0 || !read_exactly(&call, sizeof call)) leave(malformed);
    const Answer answer = ask(call, null);
    write_exactly(STDOUT_FILENO, &answer, sizeof answer);
  }
  leave(0);
}

}  // namespace
}  // namespace bulkhead

// The kernel enters with a stack aligned for a call, which a function would take for one after it.
asm(".globl _start\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  call run_filter_probe\n");

extern "C" [[noreturn]] void run_filter_probe() { bulkhead::serve(); }
