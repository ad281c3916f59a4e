// Floods a device process with messages, most of which it must take, and ends each stream with what breaks the protocol.
// Usage: device_flood SEED MESSAGES [PROGRAM [ARGUMENT...]]. Without a program it floods the reference device, which is built
// into it, with the same sanitizers; a program finds its channel at fd 3. Prints what was sent; ends with 1, naming the stream,
// when a device died of anything but its own word, or held more fds or mappings than the protocol gives it.
#include <dirent.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "fd_message.h"
#include "messages.h"
#include "wire.h"

// Sanitizers end a process with 1 unless they are told otherwise, and that is what the device ends with by its own word.
extern "C" const char* __asan_default_options();  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" const char* __asan_default_options() { return "exitcode=99"; }

extern "C" [[noreturn]] void bulkhead_reference_device();

namespace bulkhead {
namespace {

constexpr int channel_fd = 3;
// Of set-irqfd.
constexpr int fds_more = 2;
constexpr int mappings_max = regions_max;
// A program takes longer to start than the reference device, which is only forked.
constexpr std::uint64_t stream_messages_max = 400;
constexpr std::uint64_t program_messages_max = 20000;
// Of so many streams one is not broken at its end.
constexpr std::uint64_t unbroken_one_in = 4;
// Longest wait for an answer, in s.
constexpr time_t answer_wait_s = 20;
constexpr int orderly = 0;
// By AddressSanitizer, and by UndefinedBehaviorSanitizer with it.
constexpr int sanitizer_status = 99;

struct Device {
  pid_t pid = -1;
  UniqueFd channel;
  UniqueFd said;
};

int count_fds(pid_t pid) {
  DIR* folder = opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (folder == nullptr) return -1;
  int count = 0;
  // One thread reads it, for itself alone.
  while (readdir(folder) != nullptr) ++count;  // NOLINT(concurrency-mt-unsafe)
  closedir(folder);
  // Without "." and "..".
  return count - 2;
}

int count_mappings(pid_t pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);)
    if (line.find("/memfd:") != std::string::npos) ++count;
  return count;
}

Device start_device(char** program) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) std::abort();
  Device device;
  device.channel = UniqueFd(sockets[0]);
  const timeval wait{answer_wait_s, 0};
  setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  UniqueFd far(sockets[1]);
  UniqueFd said_end;
  if (!make_pipe(device.said, said_end)) std::abort();
  device.pid = fork();
  if (device.pid < 0) std::abort();
  if (device.pid == 0) {
    dup2(said_end.get(), STDERR_FILENO);
    dup2(far.get(), channel_fd);
    close_range(channel_fd + 1, ~0U, 0);
    if (*program == nullptr) bulkhead_reference_device();
    execvp(*program, program);
    _exit(sanitizer_status);
  }
  return device;
}

// Takes one answer; false: the channel has ended.
bool take_answer(int channel) {
  unsigned char answer[24];
  std::size_t got = 0;
  std::size_t wanted = 16;
  while (got < wanted) {
    const ssize_t count = recv(channel, answer + got, wanted - got, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    got += static_cast<std::size_t>(count);
    if (got == 16) wanted += answer[8];
  }
  return true;
}

bool exchange(const Device& device, const Piece& message) {
  const KernelResult sent = send_message(device.channel.get(), message.bytes.data(), message.bytes.size(), message.fds);
  if (!sent.ok() || sent.value != static_cast<long>(message.bytes.size())) return false;
  return !is_answered(message) || take_answer(device.channel.get());
}

struct Totals {
  std::uint64_t messages = 0;
  std::uint64_t streams = 0;
  std::uint64_t refusals = 0;
};

// What was wrong; empty: nothing.
std::string end_device(Device& device, bool broken, bool hangs, Totals& totals) {
  device.channel.reset();
  if (hangs) kill(device.pid, SIGKILL);
  int status = 0;
  if (waitpid(device.pid, &status, 0) != device.pid) return "it cannot be waited for";
  std::string said;
  char part[512];
  for (ssize_t count = 0; (count = read(device.said.get(), part, sizeof part)) > 0;)
    said.append(part, static_cast<std::size_t>(count));
  if (!WIFEXITED(status)) return "it died of signal " + std::to_string(WTERMSIG(status)) + ": " + said;
  const int code = WEXITSTATUS(status);
  if (code > orderly && code < sanitizer_status && broken && std::count(said.begin(), said.end(), '\n') == 1) {
    ++totals.refusals;
    return {};
  }
  return code == orderly && said.empty() ? std::string{} : "it ended with " + std::to_string(code) + ": " + said;
}

std::string play_stream(Random& random, const Fds& fds, char** program, Totals& totals) {
  Device device = start_device(program);
  ++totals.streams;
  const std::uint64_t length = 1 + random.below(*program == nullptr ? stream_messages_max : program_messages_max);
  // Answered once it is up, and holds what is its own.
  std::string wrong = exchange(device, first_message()) ? "" : "it did not answer its first message";
  const int fds_max = count_fds(device.pid) + fds_more;
  for (std::uint64_t sent = 0; sent < length && wrong.empty(); ++sent) {
    const Piece message = good_message(random, fds);
    ++totals.messages;
    if (random.one_in(64)) eventfd_write(fds.resample.get(), 1);
    if (!exchange(device, message)) wrong = "it did not take a good message";
  }
  const int held = count_fds(device.pid);
  const int mapped = count_mappings(device.pid);
  if (wrong.empty() && (held > fds_max || mapped > mappings_max))
    wrong = "it holds " + std::to_string(held) + " fds and " + std::to_string(mapped) + " mappings";
  const bool broken = !random.one_in(unbroken_one_in);
  if (broken) {
    const Piece message = bad_message(random, fds);
    send_message(device.channel.get(), message.bytes.data(), message.bytes.size(), message.fds);
    ++totals.messages;
  }
  const std::string end = end_device(device, broken, !wrong.empty(), totals);
  return wrong.empty() ? end : wrong + "; " + end;
}

}  // namespace

// 0: all went well.
int flood(std::uint64_t seed, std::uint64_t messages, char** program) {
  Random random(seed);
  const Fds fds;
  const int fds_before = count_fds(getpid());
  Totals totals;
  while (totals.messages < messages) {
    const std::string wrong = play_stream(random, fds, program, totals);
    if (wrong.empty()) continue;
    std::fprintf(stderr, "seed %lu, stream %lu: %s\n", seed, totals.streams, wrong.c_str());
    return 1;
  }
  std::printf("%lu messages in %lu streams, %lu refused, %d fds more than before\n", totals.messages, totals.streams,
              totals.refusals, count_fds(getpid()) - fds_before);
  return count_fds(getpid()) == fds_before ? 0 : 1;
}

}  // namespace bulkhead

int main(int count, char** arguments) {
  if (count < 3) {
    std::fputs("usage: device_flood SEED MESSAGES [PROGRAM [ARGUMENT...]]\n", stderr);
    return 2;
  }
  return bulkhead::flood(std::strtoull(arguments[1], nullptr, 0), std::strtoull(arguments[2], nullptr, 0), arguments + 3);
}
