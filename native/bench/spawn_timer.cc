// Times a program from posix_spawn to its exit reaped, as often as asked: one number, in ns, for each line on stdin.
//
//     spawn_timer PROGRAM [ARGUMENT]...
//
// A process of its own, so that what is measured is the program and not the runtime of whoever asks. The program gets an
// empty environment and /dev/null for stdin and stdout.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <system_error>

namespace {

long long now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

bool run_once(char* const* argv, const posix_spawn_file_actions_t& actions) {
  char* const no_environment[] = {nullptr};
  pid_t pid = 0;
  if (const int error = posix_spawn(&pid, argv[0], &actions, nullptr, argv, no_environment); error != 0) {
    std::fprintf(stderr, "spawn_timer: %s: %s\n", argv[0], std::generic_category().message(error).c_str());
    return false;
  }
  int status = 0;
  if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  std::fprintf(stderr, "spawn_timer: %s ended with wait status %#x\n", argv[0], static_cast<unsigned>(status));
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: spawn_timer PROGRAM [ARGUMENT]...\n", stderr);
    return 2;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  char line[8];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    const long long start = now_ns();
    if (!run_once(argv + 1, actions)) return 1;
    std::printf("%lld\n", now_ns() - start);
    std::fflush(stdout);
  }
  return 0;
}
