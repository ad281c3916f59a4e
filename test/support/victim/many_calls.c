// Makes many system calls, each in a process of its own under a filter: many_calls FILTER <CALLS
// A call is a line of seven numbers: its number and six arguments, and a line of output answers it: "returned VALUE",
// "signal NUMBER", "exited STATUS", or "late" for one that had not come back after a fifth of a second.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

// The answer goes to fd 3, the only one that every role may write to: it is the launcher's end of the image judge.
enum { kAnswerFd = 3, kArguments = 6, kExitSetup = 101, kLateUs = 200000 };

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

// Requires: the timer is set before the filter, which need not allow setting it.
static void make_call(long number, const unsigned long *a) {
  const struct itimerval late = {.it_value = {.tv_usec = kLateUs}};
  if (setitimer(ITIMER_REAL, &late, NULL) != 0) _exit(kExitSetup);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(kExitSetup);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) _exit(kExitSetup);
  const long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  const long value = result < 0 ? -errno : result;
  // write and exit_group are run calls of every role.
  if (write(kAnswerFd, &value, sizeof value) != sizeof value) _exit(kExitSetup);
  _exit(0);
}

static void report(int status, long value, ssize_t answered) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) puts("late");
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
  long number;
  unsigned long a[kArguments];
  while (scanf("%ld %lu %lu %lu %lu %lu %lu", &number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) == 1 + kArguments) {
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
    if (waitpid(child, &status, 0) != child) fail("waitpid");
    long value = 0;
    const ssize_t answered = read(ends[0], &value, sizeof value);
    close(ends[0]);
    report(status, value, answered);
  }
  return 0;
}
