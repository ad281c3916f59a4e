// Makes many system calls, each in a process of its own under a filter: many_calls FILTER <CALLS
// A call is a line of eight numbers: how long to wait for it in ms, its number and six arguments. A line of output answers it:
// "returned VALUE", "signal NUMBER", "exited STATUS", or "late" for one that had not come back by then.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The answer goes to fd 3, the only one that every role may write to: it is the launcher's end of the image judge.
enum { kAnswerFd = 3, kArguments = 6, kExitSetup = 101 };

static struct sock_filter instructions[BPF_MAXINSNS];
static struct sock_fprog program = {.filter = instructions};

static void fail(const char *what) {
  perror(what);
  exit(kExitSetup);
}

static void read_filter(const char *path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path);
  const ssize_t size = read(fd, instructions, sizeof instructions);
  if (size <= 0) fail("read");
  close(fd);
  program.len = (unsigned short)(size / sizeof *instructions);
}

static void make_call(long number, const unsigned long *a) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(kExitSetup);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) _exit(kExitSetup);
  const long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  const long value = result < 0 ? -errno : result;
  // write and exit_group are run calls of every role.
  if (write(kAnswerFd, &value, sizeof value) != sizeof value) _exit(kExitSetup);
  _exit(0);
}

// Returns whether the child ended by itself in time; it is ended in any case, and waited for.
static int await(pid_t child, int wait_ms, int *status) {
  const int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
  if (pidfd < 0) fail("pidfd_open");
  struct pollfd ended = {.fd = pidfd, .events = POLLIN};
  const int count = poll(&ended, 1, wait_ms);
  if (count < 0) fail("poll");
  if (count == 0 && kill(child, SIGKILL) != 0) fail("kill");
  if (waitpid(child, status, 0) != child) fail("waitpid");
  close(pidfd);
  return count == 1;
}

static void report(int in_time, int status, long value, ssize_t answered) {
  if (!in_time) puts("late");
  else if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
  else if (answered == sizeof value) printf("returned %ld\n", value);
  else printf("exited %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv) {
  if (argc != 2) return kExitSetup;
  read_filter(argv[1]);
  // A killed call must not leave a core file behind.
  const struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) fail("setrlimit");
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  int wait_ms;
  long number;
  unsigned long a[kArguments];
  while (scanf("%d %ld %lu %lu %lu %lu %lu %lu", &wait_ms, &number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) == 2 + kArguments) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
    fflush(stdout);
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
      // Whatever a call does to the lowest fds, it does to these.
      for (int fd = 0; fd <= 2; ++fd) dup2(null, fd);
      if (dup2(ends[1], kAnswerFd) != kAnswerFd) _exit(kExitSetup);
      make_call(number, a);
    }
    close(ends[1]);
    int status = 0;
    const int in_time = await(child, wait_ms, &status);
    long value = 0;
    const ssize_t answered = read(ends[0], &value, sizeof value);
    close(ends[0]);
    report(in_time, status, value, answered);
  }
  return 0;
}
