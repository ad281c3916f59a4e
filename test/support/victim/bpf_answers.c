// Asks the kernel's BPF machine: bpf_answers QUESTIONS ANSWERS. Both files are little-endian and packed.
// QUESTIONS, for each program: u32 instructions, u32 calls, the instructions, and for each call u32 number, u32 entry (0:
// syscall, 1: int 0x80), u64 argument[6]. Every program must answer with TRAP, or with KILL where it divides by zero.
// ANSWERS, for each program: u32 errno of loading it, and for each call struct answer.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kCallsMax = 256, kUnanswered = 0, kTrapped = 1, kKilled = 2, kReturned = 3 };

struct call {
  uint32_t number;
  uint32_t entry;
  uint64_t arguments[6];
};

struct answer {
  uint32_t outcome;
  uint32_t data;
  uint32_t arch;
  uint32_t unused;
  uint64_t instruction_pointer;
};

static struct shared {
  uint32_t load_error;
  uint32_t next;  // The call that is being made.
  struct answer answers[kCallsMax];
} * shared;

static sigjmp_buf after_call;

// Leaves by a jump that restores no signal mask: returning would be a system call under the filter.
static void on_trap(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  struct answer *answer = &shared->answers[shared->next];
  answer->outcome = kTrapped;
  answer->data = (uint32_t)info->si_errno & 0xffff;
  answer->arch = info->si_arch;
  answer->instruction_pointer = (uintptr_t)info->si_call_addr;
  siglongjmp(after_call, 1);
}

static void call_x86_64(const struct call *call) {
  long result;
  register uint64_t r10 __asm__("r10") = call->arguments[3];
  register uint64_t r8 __asm__("r8") = call->arguments[4];
  register uint64_t r9 __asm__("r9") = call->arguments[5];
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"((uint64_t)call->number), "D"(call->arguments[0]), "S"(call->arguments[1]), "d"(call->arguments[2]),
                     "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
}

static void call_i386(const struct call *call) {
  long result;
  __asm__ volatile("push %%rbp\n\tmov %[sixth], %%rbp\n\tint $0x80\n\tpop %%rbp"
                   : "=a"(result)
                   : "a"((uint64_t)call->number), "b"(call->arguments[0]), "c"(call->arguments[1]), "d"(call->arguments[2]),
                     "S"(call->arguments[3]), "D"(call->arguments[4]), [sixth] "r"(call->arguments[5])
                   : "memory", "r8", "r9", "r10", "r11");
}

// Ends without a system call, which the filter would answer too.
static void ask(const struct sock_fprog *program, const struct call *calls, uint32_t count) {
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  sigaction(SIGSYS, &action, NULL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(1);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) != 0) {
    shared->load_error = (uint32_t)errno;
    _exit(0);
  }
  while (shared->next < count) {
    if (sigsetjmp(after_call, 0) == 0) {
      const struct call *call = &calls[shared->next];
      if (call->entry == 0) call_x86_64(call);
      else call_i386(call);
      shared->answers[shared->next].outcome = kReturned;
    }
    shared->next += 1;
  }
  __builtin_trap();
}

// One child after another: a call that is killed costs the child that makes it, and the next one goes on behind it.
static int ask_in_children(const struct sock_fprog *program, const struct call *calls, uint32_t count) {
  memset(shared, 0, sizeof *shared);
  for (;;) {
    const pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) ask(program, calls, count);
    int status = 0;
    if (waitpid(child, &status, 0) != child) return -1;
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? 0 : -1;
    if (WTERMSIG(status) == SIGILL) return 0;
    if (WTERMSIG(status) != SIGSYS) return -1;
    shared->answers[shared->next].outcome = kKilled;
    shared->next += 1;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const int in = open(argv[1], O_RDONLY | O_CLOEXEC);
  struct stat facts;
  if (in < 0 || fstat(in, &facts) != 0) return 2;
  const char *at = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, in, 0);
  const char *end = at + facts.st_size;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  FILE *out = fopen(argv[2], "we");
  if (at == MAP_FAILED || shared == MAP_FAILED || out == NULL) return 2;
  while (at < end) {
    uint32_t counts[2];
    memcpy(counts, at, sizeof counts);
    at += sizeof counts;
    static struct sock_filter instructions[BPF_MAXINSNS + 1];
    static struct call calls[kCallsMax];
    memcpy(instructions, at, counts[0] * sizeof *instructions);
    at += counts[0] * sizeof *instructions;
    memcpy(calls, at, counts[1] * sizeof *calls);
    at += counts[1] * sizeof *calls;
    const struct sock_fprog program = {.len = (unsigned short)counts[0], .filter = instructions};
    if (ask_in_children(&program, calls, counts[1]) != 0) return 3;
    fwrite(&shared->load_error, sizeof shared->load_error, 1, out);
    fwrite(shared->answers, sizeof *shared->answers, counts[1], out);
  }
  return fclose(out) == 0 ? 0 : 2;
}
