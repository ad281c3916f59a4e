// A process whose threads come and go without end: whoever reads it meets threads on their way out.
#include <pthread.h>
#include <stdio.h>

static void *leave(void *unused) { return unused; }

int main(void) {
  puts("ready");
  fflush(stdout);
  for (;;) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, leave, NULL) != 0) return 1;
    pthread_detach(thread);
  }
}
