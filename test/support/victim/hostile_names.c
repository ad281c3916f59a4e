// A process that an auditor must survive: hostile_names FDS THREADS. Its names hold escape sequences, its name keeps changing, and
// it has many fds, threads and pages that can be written and executed. Prints "ready".
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *renaming(void *unused) {
  (void)unused;
  for (unsigned turn = 0;; ++turn) {
    prctl(PR_SET_NAME, turn % 2 ? "\033]0;owned\007" : "\033[2J) R 1 (", 0, 0, 0);
    usleep(1000);
  }
  return NULL;
}

static void *waiting(void *unused) {
  (void)unused;
  prctl(PR_SET_NAME, "\033[31m\nred", 0, 0, 0);
  pause();
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 3) return 1;
  const int fds = atoi(argv[1]), threads = atoi(argv[2]);
  for (int number = 0; number < fds; ++number) {
    if (memfd_create("\033[2J\033]52;c;b3duZWQ=\007\n<script>alert(1)</script>", 0) < 0) return 1;
  }
  if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) return 1;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  pthread_t thread;
  for (int number = 0; number < threads; ++number) {
    if (pthread_create(&thread, &small, number == 0 ? renaming : waiting, NULL) != 0) return 1;
  }
  prctl(PR_SET_NAME, "\033[2J) Z 1 (x", 0, 0, 0);
  puts("ready");
  fflush(stdout);
  pause();
  return 0;
}
