// Installs the given filters, the last one in a second thread only, prints "ready" and waits: threads_with_filters [FILTER]...
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void install(const char *path) {
  static struct sock_filter instructions[BPF_MAXINSNS];
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t size = read(fd, instructions, sizeof instructions);
  const struct sock_fprog program = {.len = (unsigned short)(size / sizeof *instructions), .filter = instructions};
  if (size <= 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    perror(path);
    exit(1);
  }
  close(fd);
}

static void *second(void *last) {
  if (last != NULL) install(last);
  puts("ready");
  fflush(stdout);
  pause();
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t thread;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  for (int index = 1; index < argc - 1; ++index) install(argv[index]);
  if (pthread_create(&thread, NULL, second, argc > 1 ? argv[argc - 1] : NULL) != 0) return 1;
  pthread_join(thread, NULL);
  return 1;
}
