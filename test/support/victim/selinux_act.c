// One act, for a process that is started in a chosen SELinux context: its exit status is the errno, 0 when the act succeeded.
// acts: read-fd (of descriptor 0), open PATH, signal PID, trace PID, connect NAME (an abstract UNIX socket).
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Not an errno: descriptor 0 is the null device that the kernel puts in the place of one that the domain may not use.
#define EXIT_REPLACED 200

static int answer(long result) { return result < 0 ? errno : 0; }

static int read_fd(void) {
  char byte;
  const ssize_t got = read(0, &byte, 1);
  return got == 0 ? EXIT_REPLACED : answer(got);
}

// A name behind a zero byte is no path: no directory's label decides before the socket's does.
static int connect_to(const char* name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  const socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return fd < 0 ? errno : answer(connect(fd, (struct sockaddr*)&address, length));
}

int main(int argc, char** argv) {
  const char* act = argc > 1 ? argv[1] : "";
  const char* target = argc > 2 ? argv[2] : "0";
  if (strcmp(act, "read-fd") == 0) return read_fd();
  if (strcmp(act, "open") == 0) return answer(open(target, O_RDONLY));
  // SIGCONT: harmless, and of the class of signals that policies call `signal`.
  if (strcmp(act, "signal") == 0) return answer(kill(atoi(target), SIGCONT));
  if (strcmp(act, "trace") == 0) return answer(ptrace(PTRACE_SEIZE, atoi(target), 0, 0));
  if (strcmp(act, "connect") == 0) return connect_to(target);
  return EINVAL;
}
