#include "fd_message.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace bulkhead {
namespace {

constexpr std::size_t control_bytes = CMSG_SPACE(sizeof(int) * message_fds_max);

void take_fds(msghdr& message, Received& received) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    received.fds.reserve(received.fds.size() + count);
    for (std::size_t index = 0; index < count; ++index) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + index * sizeof fd, sizeof fd);
      received.fds.emplace_back(fd);
    }
  }
}

}  // namespace

KernelResult send_message(int socket_fd, const void* data, std::size_t size, const std::vector<int>& fds) {
  if (fds.size() > message_fds_max) return KernelResult::failed("sendmsg", EINVAL);
  iovec bytes{const_cast<void*>(data), size};
  alignas(cmsghdr) char control[control_bytes] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  const ssize_t sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 ? KernelResult::failed("sendmsg") : KernelResult::of(sent);
}

KernelResult receive_message(int socket_fd, void* data, std::size_t size, Received& received) {
  iovec bytes{data, size};
  // Room for every fd that can come: one that finds no room is lost without its count.
  alignas(cmsghdr) char control[control_bytes];
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = -1;
  do {
    got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return KernelResult::failed("recvmsg");
  take_fds(message, received);
  received.lost_fds = (message.msg_flags & MSG_CTRUNC) != 0;
  return KernelResult::of(got);
}

}  // namespace bulkhead
