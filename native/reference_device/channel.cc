#include "channel.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "raw_syscall.h"

namespace bulkhead {
namespace {

// What whoever starts the process gives it.
int channel_fd = 3;
constexpr int violated = 1;

[[noreturn]] void leave(int status) {
  for (;;) raw_syscall(SYS_exit_group, status);
}

// Bytes of payload, and fds, of each command by its number. A ret is no request.
struct Shape {
  std::uint8_t size;
  std::uint8_t fds_min;
  std::uint8_t fds_max;
};
constexpr Shape shapes[commands] = {
    {sizeof(SyncSysmem), 1, regions_max},
    {0, 0, 0},
    {sizeof(ConfigAccess), 0, 0},
    {sizeof(ConfigAccess), 0, 0},
    {sizeof(BarAccess), 0, 0},
    {sizeof(BarAccess), 0, 0},
    {0, 2, 2},
    {0, 0, 0},
};

// Room for one fd more than any message has, so that too many are seen; those beyond the room are closed by the kernel.
struct Control {
  alignas(cmsghdr) unsigned char bytes[CMSG_SPACE(sizeof(int) * (regions_max + 1))];
};

// Reads exactly `size` bytes, and never past them: fds come with bytes. False: the stream ended before the first.
bool read_exactly(void* target, std::uint64_t size, Message& message) {
  auto* place = static_cast<unsigned char*>(target);
  std::uint64_t got = 0;
  while (got < size) {
    Control control{};
    iovec bytes{place + got, size - got};
    msghdr request{};
    request.msg_iov = &bytes;
    request.msg_iovlen = 1;
    request.msg_control = control.bytes;
    request.msg_controllen = sizeof control.bytes;
    const long count = raw_syscall(SYS_recvmsg, channel_fd, as_argument(&request), MSG_CMSG_CLOEXEC);
    if (count == -EINTR) continue;
    if (count < 0) leave(0);
    if (count == 0 && got == 0) return false;
    if (count == 0) refuse("the stream must end between two messages");
    if ((request.msg_flags & MSG_CTRUNC) != 0) refuse("fds must be at most 7");
    got += static_cast<std::uint64_t>(count);
    const cmsghdr* header = CMSG_FIRSTHDR(&request);
    if (header == nullptr) continue;
    const std::uint64_t fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (message.fd_count + fds > regions_max) refuse("fds must be at most 7");
    const auto* first = reinterpret_cast<const int*>(CMSG_DATA(header));
    for (std::uint64_t index = 0; index < fds; ++index) message.fds[message.fd_count++] = first[index];
  }
  return true;
}

void send(const void* bytes, std::uint64_t size) {
  const auto* place = static_cast<const unsigned char*>(bytes);
  while (size > 0) {
    iovec bytes{const_cast<unsigned char*>(place), size};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    const long sent = raw_syscall(SYS_sendmsg, channel_fd, as_argument(&message), MSG_NOSIGNAL);
    if (sent == -EINTR) continue;
    if (sent <= 0) leave(0);
    place += sent;
    size -= static_cast<std::uint64_t>(sent);
  }
}

}  // namespace

void use_channel(int fd) { channel_fd = fd; }

void refuse(const char* rule) {
  std::uint64_t length = 0;
  while (rule[length] != 0) ++length;
  raw_syscall(SYS_write, STDERR_FILENO, as_argument(rule), static_cast<long>(length));
  raw_syscall(SYS_write, STDERR_FILENO, as_argument("\n"), 1);
  leave(violated);
}

void receive(Message& message) {
  message.fd_count = 0;
  Header header;
  if (!read_exactly(&header, sizeof header, message)) leave(0);
  if (header.command < 0 || header.command >= static_cast<std::int32_t>(commands)) refuse("cmd must be 0 to 7");
  message.command = static_cast<Command>(header.command);
  if (message.command == Command::ret) refuse("cmd must be a request, not ret");
  const Shape& shape = shapes[header.command];
  if (header.size != shape.size) refuse("size must be what the command has");
  if (message.fd_count < shape.fds_min || message.fd_count > shape.fds_max) refuse("fds must be as many as the command has");
  const std::uint32_t with_header = message.fd_count;
  if (header.size > 0 && !read_exactly(&message.payload, header.size, message))
    refuse("the stream must end between two messages");
  if (message.fd_count != with_header) refuse("fds must come with the header");
}

void reply(std::uint64_t value) {
  const struct {
    Header header;
    std::uint64_t value;
  } answer{{static_cast<std::int32_t>(Command::ret), 0, sizeof value}, value};
  send(&answer, sizeof answer);
}

void reply_without_value() {
  const Header header{static_cast<std::int32_t>(Command::ret), 0, 0};
  send(&header, sizeof header);
}

}  // namespace bulkhead
