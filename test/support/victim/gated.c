// Makes system calls on demand and answers each line of its standard input with one: call NUMBER | open PATH FLAGS | burst COUNT
// A call's answer is its result or its error number negated; an open's, with the fd's access mode and whether exec closes it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <unistd.h>

enum { THREADS = 4, SIGNAL_INTERVAL_US = 2000 };

static long answer(long result) { return result < 0 ? -errno : result; }

static void tell_open(const char *path, int flags) {
  const long fd = answer(syscall(SYS_openat, AT_FDCWD, path, flags));
  if (fd < 0) {
    printf("%ld\n", fd);
    return;
  }
  printf("opened %d %d\n", fcntl((int)fd, F_GETFL) & O_ACCMODE, fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
  close((int)fd);
}

static void on_signal(int number) { (void)number; }

static void *call_often(void *count) {
  struct sysinfo info;
  long succeeded = 0;
  for (long call = 0; call < (long)count; ++call) succeeded += sysinfo(&info) == 0;
  return (void *)succeeded;
}

// From several threads at once, while signals come in.
static void burst(long count) {
  pthread_t threads[THREADS];
  const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  const struct timeval interval = {.tv_usec = SIGNAL_INTERVAL_US};
  const struct itimerval often = {interval, interval}, never = {{0, 0}, {0, 0}};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  for (int index = 0; index < THREADS; ++index) pthread_create(&threads[index], NULL, call_often, (void *)count);
  long succeeded = 0;
  for (int index = 0; index < THREADS; ++index) {
    void *own = NULL;
    pthread_join(threads[index], &own);
    succeeded += (long)own;
  }
  setitimer(ITIMER_REAL, &never, NULL);
  printf("%ld\n", succeeded);
}

int main(void) {
  char line[512], path[256];
  long number;
  setlinebuf(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "call %ld", &number) == 1) printf("%ld\n", answer(syscall(number, NULL, NULL, NULL)));
    else if (sscanf(line, "open %255s %ld", path, &number) == 2) tell_open(path, (int)number);
    else if (sscanf(line, "burst %ld", &number) == 1) burst(number);
    else return 2;
  }
  return 0;
}
