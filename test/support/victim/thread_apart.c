// A process whose second thread keeps fds, paths and a host name for itself, which /proc/PID does not show.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

static void *keep_apart(void *unused) {
  (void)unused;
  if (unshare(CLONE_FILES | CLONE_FS | CLONE_NEWUTS) != 0) return NULL;
  puts("ready");
  fflush(stdout);
  pause();
  return NULL;
}

int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, keep_apart, NULL) != 0) return 1;
  pthread_join(thread, NULL);
  return 1;
}
