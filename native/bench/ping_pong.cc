// The least that can answer a message: reads whatever has come over fd 3, and answers as much as a device would, until the end.
// What device_round_trips measures against it is the price of two processes and a socket pair, and of nothing else.
#include <unistd.h>

#include <cstdint>

namespace {

constexpr int channel = 3;

// A ret of 0: docs/protocol.md.
struct [[gnu::packed]] Answer {
  std::int32_t command = 1;
  std::int32_t reserved = 0;
  std::uint64_t size = sizeof(std::uint64_t);
  std::uint64_t value = 0;
};

}  // namespace

int main() {
  // More than any request has that is answered: the other side writes each with one call.
  char request[64];
  const Answer answer;
  while (read(channel, request, sizeof request) > 0) {
    if (write(channel, &answer, sizeof answer) != static_cast<ssize_t>(sizeof answer)) return 1;
  }
  return 0;
}
