// Times one system call under a filter, as often as asked: filtered_calls FILTER|none
//
// Each line on stdin is COUNT NUMBER ARGUMENT ARGUMENT ARGUMENT; the answer is how long COUNT such calls took, in ns.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

long long now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

bool install_filter(const char* path) {
  static std::array<sock_filter, BPF_MAXINSNS> instructions;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? -1 : read(fd, instructions.data(), sizeof instructions);
  if (size <= 0) return false;
  close(fd);
  const sock_fprog program = {.len = static_cast<unsigned short>(static_cast<size_t>(size) / sizeof(sock_filter)),
                              .filter = instructions.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// The five numbers of a line; false when it has fewer.
bool parse_numbers(const char* line, std::array<unsigned long, 5>& numbers) {
  for (unsigned long& number : numbers) {
    char* end = nullptr;
    number = std::strtoul(line, &end, 10);
    if (end == line) return false;
    line = end;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: filtered_calls FILTER|none\n", stderr);
    return 2;
  }
  // stdio looks at its fds when it is first used, which a filter need not allow.
  std::array<char, BUFSIZ> input{};
  std::array<char, BUFSIZ> output{};
  std::setvbuf(stdin, input.data(), _IOLBF, input.size());
  std::setvbuf(stdout, output.data(), _IOLBF, output.size());
  if (std::strcmp(argv[1], "none") != 0 && !install_filter(argv[1])) {
    std::perror(argv[1]);
    return 1;
  }
  std::array<char, 256> line{};
  std::array<unsigned long, 5> numbers{};
  while (std::fgets(line.data(), line.size(), stdin) != nullptr && parse_numbers(line.data(), numbers)) {
    const auto [count, number, a, b, c] = numbers;
    const long long start = now_ns();
    for (unsigned long done = 0; done < count; ++done) syscall(static_cast<long>(number), a, b, c);
    std::printf("%lld\n", now_ns() - start);
    std::fflush(stdout);
  }
  return 0;
}
