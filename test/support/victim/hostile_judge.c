/* What a judge might become that an image has taken over: it says that it runs, waits to be verified, and then does what the
 * image's first byte says: opens a file, or says too little. No libc, like the judge. */
#include <asm/unistd.h>

static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

void _start(void) {
  char byte = 'r';
  call(__NR_write, 3, (long)&byte, 1);
  call(__NR_read, 3, (long)&byte, 1);
  call(__NR_pread64, 4, (long)&byte, 1);
  if (byte == 'o') call(__NR_openat, -100, (long)"/etc/passwd", 0);
  if (byte == 's') call(__NR_write, 3, (long)&byte, 1);
  for (;;) call(__NR_exit_group, 0, 0, 0);
}
