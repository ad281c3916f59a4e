#include "monitor.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstdint>

#include "monitor_acts.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

// Longer than any command that a launch sends, and than one that brings a page of data as hexadecimal digits.
constexpr std::uint64_t line_bytes_max = 16384;

char line[line_bytes_max];
std::uint64_t line_bytes = 0;

void send(const char* text, std::uint64_t size) {
  while (size > 0) {
    iovec bytes{const_cast<char*>(text), size};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    const long sent = raw_syscall(SYS_sendmsg, monitor_fd, as_argument(&message), MSG_NOSIGNAL);
    if (sent == -EINTR || sent == -EAGAIN) continue;
    if (sent <= 0) return;
    text += sent;
    size -= static_cast<std::uint64_t>(sent);
  }
}

void send(const char* text) { send(text, static_cast<std::uint64_t>(length_of(text))); }

// The id is the last member of a command, a number: `,"id":12}`.
void answer(const char* command, std::uint64_t size) {
  std::uint64_t first = size;
  while (first > 0 && command[first - 1] != ':') --first;
  std::uint64_t end = first;
  while (end < size && command[end] >= '0' && command[end] <= '9') ++end;
  send("{\"return\": ");
  send(perform_monitor_act(command, size));
  send(", \"id\": ");
  send(command + first, end - first);
  send("}\n");
}

}  // namespace

void greet() { send("{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n"); }

bool answer_monitor() {
  iovec bytes{line + line_bytes, line_bytes_max - line_bytes};
  msghdr request{};
  request.msg_iov = &bytes;
  request.msg_iovlen = 1;
  const long count = raw_syscall(SYS_recvmsg, monitor_fd, as_argument(&request), 0);
  if (count == -EINTR || count == -EAGAIN) return true;
  if (count <= 0) return false;
  line_bytes += static_cast<std::uint64_t>(count);
  std::uint64_t first = 0;
  for (std::uint64_t index = 0; index < line_bytes; ++index) {
    if (line[index] != '\n') continue;
    answer(line + first, index - first);
    first = index + 1;
  }
  line_bytes -= first;
  for (std::uint64_t index = 0; index < line_bytes; ++index) line[index] = line[first + index];
  return true;
}

}  // namespace bulkhead
