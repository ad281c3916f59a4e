#include "passed_fd.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace bulkhead {

namespace {

// Takes the first of the fds that came, and closes all others: the space for one holds two, for it is aligned. Returns their
// number.
std::size_t take_fds(msghdr& message, UniqueFd& first) {
  std::size_t count = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < here; ++index, ++count) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(header) + index * sizeof received, sizeof received);
      UniqueFd one(received);
      if (count == 0) first = std::move(one);
    }
  }
  return count;
}

}  // namespace

KernelResult send_with_fd(int socket_fd, const void* data, std::size_t size, int fd) {
  iovec bytes{const_cast<void*>(data), size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  const ssize_t sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 ? KernelResult::failed("sendmsg") : KernelResult::of(sent);
}

KernelResult receive_with_fd(int socket_fd, void* data, std::size_t size, UniqueFd& fd) {
  iovec bytes{data, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = -1;
  do {
    got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return KernelResult::failed("recvmsg");
  const std::size_t fds = take_fds(message, fd);
  if (fds > 1 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    fd.reset();
    errno = EMSGSIZE;
    return KernelResult::failed("recvmsg");
  }
  return KernelResult::of(got);
}

KernelResult peer_uid(int socket_fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return KernelResult::failed("getsockopt SO_PEERCRED");
  return KernelResult::of(peer.uid);
}

}  // namespace bulkhead
