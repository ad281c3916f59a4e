// Makes another process do what a bug or an attacker would make it do: provoke PID syscall NUMBER | spin | flood [FD] | abort.
// Its main thread is stopped by ptrace, given other registers, and let go. With "ask NUMBER [ARGUMENT]..." it makes a call, whose
// answer is printed, and goes on as if nothing had happened.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 4, TRIES = 5000, TRY_INTERVAL_US = 1000, RED_ZONE_BYTES = 128 };

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

// Where libc.so.6 begins in a process; 0 when it is not mapped.
static uintptr_t libc_base(pid_t pid) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "r");
  if (maps == NULL) fail(path);
  uintptr_t base = 0;
  while (base == 0 && fgets(line, sizeof line, maps) != NULL) {
    if (strstr(line, "/libc.so.6") != NULL) base = strtoull(line, NULL, 16);
  }
  fclose(maps);
  return base;
}

static int waits_in_a_syscall(pid_t pid, uintptr_t rip) {
  errno = 0;
  const long code = ptrace(PTRACE_PEEKTEXT, pid, (void *)(rip - 2), NULL);
  return errno == 0 && (code & 0xffff) == 0x050f;  // 0f 05: syscall
}

// Stops the thread where it waits in a system call; QEMU's main loop does most of the time.
static struct user_regs_struct stop(pid_t pid) {
  struct user_regs_struct registers;
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) fail("PTRACE_SEIZE");
  for (int tries = 0; tries < TRIES; ++tries) {
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0) fail("PTRACE_INTERRUPT");
    if (waitpid(pid, NULL, __WALL) != pid) fail("waitpid");
    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0) fail("PTRACE_GETREGS");
    if (waits_in_a_syscall(pid, registers.rip)) return registers;
    if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0) fail("PTRACE_CONT");
    usleep(TRY_INTERVAL_US);
  }
  fprintf(stderr, "the main thread never waited in a system call\n");
  exit(1);
}

// The next stop at which a system call begins or ends.
static void run_to_call_stop(pid_t pid) {
  int status = 0;
  do {
    if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) != 0) fail("PTRACE_SYSCALL");
    if (waitpid(pid, &status, __WALL) != pid) fail("waitpid");
    if (!WIFSTOPPED(status)) {
      fprintf(stderr, "the process ended\n");
      exit(1);
    }
  } while (WSTOPSIG(status) != (SIGTRAP | 0x80));
}

static void ask(pid_t pid, struct user_regs_struct before, unsigned long long number,
                const unsigned long long arguments[ARGUMENTS_MAX]) {
  struct user_regs_struct registers = before;
  registers.orig_rax = (unsigned long long)-1;
  registers.rip -= 2;
  registers.rax = number;
  registers.rdi = arguments[0];
  registers.rsi = arguments[1];
  registers.rdx = arguments[2];
  registers.r10 = arguments[3];
  if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0) fail("PTRACE_SETOPTIONS");
  if (ptrace(PTRACE_SETREGS, pid, NULL, &registers) != 0) fail("PTRACE_SETREGS");
  run_to_call_stop(pid);
  run_to_call_stop(pid);
  if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0) fail("PTRACE_GETREGS");
  printf("%lld\n", (long long)registers.rax);
  // The kernel would have restarted the interrupted call at its own return: errors 512 to 516, include/linux/errno.h.
  const long long interrupted = (long long)before.rax;
  if (interrupted <= -512 && interrupted >= -516) {
    before.rax = interrupted == -516 ? SYS_restart_syscall : before.orig_rax;
    before.rip -= 2;
  }
  before.orig_rax = (unsigned long long)-1;
  if (ptrace(PTRACE_SETREGS, pid, NULL, &before) != 0) fail("PTRACE_SETREGS");
  if (ptrace(PTRACE_DETACH, pid, NULL, NULL) != 0) fail("PTRACE_DETACH");
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  const pid_t pid = atoi(arguments[1]);
  struct user_regs_struct registers = stop(pid);
  if (count >= 4 && count <= 4 + ARGUMENTS_MAX && strcmp(arguments[2], "ask") == 0) {
    unsigned long long given[ARGUMENTS_MAX] = {0};
    for (int index = 4; index < count; ++index) given[index - 4] = strtoull(arguments[index], NULL, 10);
    ask(pid, registers, strtoull(arguments[3], NULL, 10), given);
    return 0;
  }
  registers.orig_rax = (unsigned long long)-1;  // The interrupted call is not restarted.
  if (strcmp(arguments[2], "spin") == 0) {
    const long code = ptrace(PTRACE_PEEKTEXT, pid, (void *)registers.rip, NULL);
    const long loop = (code & ~0xffffL) | 0xfeeb;  // eb fe: jmp to itself
    if (ptrace(PTRACE_POKETEXT, pid, (void *)registers.rip, (void *)loop) != 0) fail("PTRACE_POKETEXT");
  } else if (strcmp(arguments[2], "flood") == 0) {
    // again: mov eax, SYS_write; syscall; jmp again. Writes what stands in memory there to standard error, for ever.
    static const unsigned char code[16] = {0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7};
    for (size_t offset = 0; offset < sizeof code; offset += sizeof(long)) {
      long word;
      memcpy(&word, code + offset, sizeof word);
      if (ptrace(PTRACE_POKETEXT, pid, (void *)(registers.rip + offset), (void *)word) != 0) fail("PTRACE_POKETEXT");
    }
    registers.rdi = STDERR_FILENO;
    registers.rsi = registers.rip & ~0xfffULL;
    registers.rdx = 4096;
    if (count == 4) {
      // Seven lines that a QMP client takes for messages, behind the code.
      static const char lines[24] = "{}\n{}\n{}\n{}\n{}\n{}\n{}\n";
      for (size_t offset = 0; offset < sizeof lines; offset += sizeof(long)) {
        long word;
        memcpy(&word, lines + offset, sizeof word);
        if (ptrace(PTRACE_POKETEXT, pid, (void *)(registers.rip + sizeof code + offset), (void *)word) != 0) fail("PTRACE_POKETEXT");
      }
      registers.rdi = strtoull(arguments[3], NULL, 10);
      registers.rsi = registers.rip + sizeof code;
      registers.rdx = 21;
    }
  } else if (strcmp(arguments[2], "abort") == 0) {
    registers.rip = libc_base(pid) + ((uintptr_t)abort - libc_base(getpid()));
    registers.rsp = ((registers.rsp - RED_ZONE_BYTES) & ~0xfULL) - 8;  // As after a call: SysV ABI, 3.2.2.
  } else if (count == 4) {
    registers.rip -= 2;
    registers.rax = strtoull(arguments[3], NULL, 10);
    registers.rdi = registers.rsi = registers.rdx = 0;
  }
  if (ptrace(PTRACE_SETREGS, pid, NULL, &registers) != 0) fail("PTRACE_SETREGS");
  if (ptrace(PTRACE_DETACH, pid, NULL, NULL) != 0) fail("PTRACE_DETACH");
  return 0;
}
