// Puts itself under a seccomp filter and makes one system call: one_call FILTER ENTRY NUMBER [ARGUMENT]...
// Prints "returned VALUE" when the call came back. ENTRY is syscall (x86-64 and x32) or int80 (i386).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kArguments = 6, kExitSetup = 101 };

static void fail(const char *what) {
  perror(what);
  exit(kExitSetup);
}

static void install_filter(const char *path) {
  static struct sock_filter instructions[BPF_MAXINSNS];
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path);
  const ssize_t size = read(fd, instructions, sizeof instructions);
  if (size <= 0) fail("read");
  close(fd);
  const struct sock_fprog program = {.len = (unsigned short)(size / sizeof *instructions), .filter = instructions};
  // Without no_new_privs an unprivileged seccomp() fails with EACCES.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) fail("seccomp");
}

static long call_i386(const unsigned long *a, long number) {
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
                   : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static long call_x86_64(const unsigned long *a, long number) {
  const long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  return result < 0 ? -errno : result;
}

int main(int argc, char **argv) {
  if (argc < 4) return kExitSetup;
  unsigned long arguments[kArguments] = {0};
  for (int index = 4; index < argc && index < 4 + kArguments; ++index) arguments[index - 4] = strtoul(argv[index], NULL, 0);
  const long number = (long)strtoul(argv[3], NULL, 0);
  const int i386 = strcmp(argv[2], "int80") == 0;
  if (strcmp(argv[1], "none") != 0) install_filter(argv[1]);
  const long result = i386 ? call_i386(arguments, number) : call_x86_64(arguments, number);
  // One write and exit_group: run calls of every role. stdio would allocate and fstat first.
  char text[64];
  const int length = snprintf(text, sizeof text, "returned %ld\n", result);
  if (write(STDOUT_FILENO, text, (size_t)length) != length) return kExitSetup;
  _exit(0);
}
