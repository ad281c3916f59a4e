// Compiles rule sets with the installed libseccomp as they are, comparison by comparison: naive_libseccomp RULES PROGRAMS
// RULES, for each set: u32 default action, u32 rules; for each rule: u32 action, u32 syscall, u32 comparisons, u32 unused, and
// each comparison as struct scmp_arg_cmp. PROGRAMS, for each set: u32 bytes (0: refused, or not done in time), then the program.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

// SCMP_FLTATR_ACT_BADARCH and SCMP_ACT_KILL_PROCESS of seccomp.h.
enum { kBadArchAction = 2 };
static const uint32_t kKillProcess = 0x80000000;

struct comparison {
  uint32_t argument;
  uint32_t operation;
  uint64_t first;
  uint64_t second;
};

static void *(*init)(uint32_t);
static void (*release)(void *);
static int (*set_attribute)(void *, int, uint32_t);
static int (*add_rule)(void *, uint32_t, int, unsigned, const struct comparison *);
static int (*export_bpf)(void *, int);

static int bind(void) {
  void *library = dlopen("libseccomp.so.2", RTLD_NOW);
  if (library == NULL) return -1;
  *(void **)&init = dlsym(library, "seccomp_init");
  *(void **)&release = dlsym(library, "seccomp_release");
  *(void **)&set_attribute = dlsym(library, "seccomp_attr_set");
  *(void **)&add_rule = dlsym(library, "seccomp_rule_add_exact_array");
  *(void **)&export_bpf = dlsym(library, "seccomp_export_bpf");
  return init && release && set_attribute && add_rule && export_bpf ? 0 : -1;
}

static const char *at;

static uint32_t take(void) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  at += sizeof word;
  return word;
}

// Reads all rules of the set, even when one is refused; without a context it only reads.
static int add_rules(void *context, uint32_t count) {
  int result = 0;
  while (count-- > 0) {
    const uint32_t action = take();
    const int syscall = (int)take();
    const uint32_t comparisons = take();
    take();
    struct comparison list[6];
    memcpy(list, at, comparisons * sizeof *list);
    at += comparisons * sizeof *list;
    if (context == NULL) continue;
    const int answer = add_rule(context, action, syscall, comparisons, list);
    // EEXIST: it says that the rule is there already.
    if (answer < 0 && answer != -EEXIST) result = answer;
  }
  return result;
}

static void put(int out, const void *bytes, size_t size) {
  if (write(out, bytes, size) != (ssize_t)size) _exit(1);
}

static void compile_set(int scratch, int out) {
  static char program[4096 * 8];
  uint32_t bytes = 0;
  void *context = init(take());
  const uint32_t rules = take();
  if (context == NULL || set_attribute(context, kBadArchAction, kKillProcess) != 0) _exit(1);
  if (ftruncate(scratch, 0) != 0 || lseek(scratch, 0, SEEK_SET) != 0) _exit(1);
  if (add_rules(context, rules) == 0 && export_bpf(context, scratch) == 0) {
    const ssize_t size = pread(scratch, program, sizeof program, 0);
    bytes = size < 0 ? 0 : (uint32_t)size;
  }
  release(context);
  put(out, &bytes, sizeof bytes);
  put(out, program, bytes);
}

// In a child, as libseccomp 2.5.4 does not come back from some sets. `current` tells the parent which one that was.
static void compile_sets(const char *end, int out, const char **current) {
  const int scratch = memfd_create("program", MFD_CLOEXEC);
  const struct itimerval limit = {{0, 0}, {0, 200000}};
  const struct itimerval none = {{0, 0}, {0, 0}};
  for (at = *current; at < end; *current = at) {
    setitimer(ITIMER_VIRTUAL, &limit, NULL);
    compile_set(scratch, out);
    setitimer(ITIMER_VIRTUAL, &none, NULL);
  }
  _exit(0);
}

int main(int argc, char **argv) {
  struct stat facts;
  if (argc != 3 || bind() != 0) return 2;
  const int in = open(argv[1], O_RDONLY | O_CLOEXEC);
  const int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (in < 0 || out < 0 || fstat(in, &facts) != 0) return 2;
  const char *begin = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, in, 0);
  const char **current = mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED || current == MAP_FAILED) return 2;
  for (*current = begin; *current < begin + facts.st_size;) {
    const pid_t child = fork();
    if (child == 0) compile_sets(begin + facts.st_size, out, current);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return 2;
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    if (WTERMSIG(status) != SIGVTALRM) return 3;
    const uint32_t not_done = 0;
    put(out, &not_done, sizeof not_done);
    at = *current + sizeof(uint32_t);
    add_rules(NULL, take());
    *current = at;
  }
  return 0;
}
