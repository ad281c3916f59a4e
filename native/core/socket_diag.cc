#include "socket_diag.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "unique_fd.h"

namespace bulkhead {
namespace {

struct Question {
  nlmsghdr header;
  unix_diag_req request;
};

// A reply about one socket: header, message, and the attribute that was asked for, with room for more.
constexpr std::size_t reply_bytes = 512;

KernelResult read_queue_length(const nlmsghdr* header) {
  constexpr std::size_t message_bytes = NLMSG_ALIGN(sizeof(unix_diag_msg));
  if (header->nlmsg_len < NLMSG_LENGTH(message_bytes)) return KernelResult::failed("sock_diag", EPROTO);
  const char* position = static_cast<const char*>(NLMSG_DATA(header)) + message_bytes;
  std::size_t left = header->nlmsg_len - NLMSG_LENGTH(message_bytes);
  while (left >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, position, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > left) break;
    if (attribute.rta_type == UNIX_DIAG_RQLEN && attribute.rta_len >= RTA_LENGTH(sizeof(unix_diag_rqlen))) {
      unix_diag_rqlen lengths;
      std::memcpy(&lengths, position + RTA_LENGTH(0), sizeof lengths);
      return KernelResult::of(lengths.udiag_rqueue);
    }
    const std::size_t step = std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), left);
    position += step;
    left -= step;
  }
  return KernelResult::failed("sock_diag", EPROTO);
}

KernelResult read_reply(const void* reply, std::size_t got) {
  const auto* header = static_cast<const nlmsghdr*>(reply);
  if (!NLMSG_OK(header, static_cast<unsigned>(got))) return KernelResult::failed("sock_diag", EPROTO);
  if (header->nlmsg_type == NLMSG_ERROR) {
    const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
    return KernelResult::failed("sock_diag", -error->error);
  }
  if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return KernelResult::failed("sock_diag", EPROTO);
  return read_queue_length(header);
}

}  // namespace

KernelResult open_socket_diag() {
  UniqueFd diag(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!diag) return KernelResult::failed("socket NETLINK_SOCK_DIAG");
  return KernelResult::of(diag.release());
}

KernelResult unread_bytes(int diag_fd, std::uint32_t inode) {
  Question question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = AF_UNIX;
  question.request.udiag_ino = inode;
  question.request.udiag_show = UDIAG_SHOW_RQLEN;
  // No cookie: the inode names the socket, and the kernel does not reuse one that is held.
  question.request.udiag_cookie[0] = question.request.udiag_cookie[1] = ~0U;
  if (send(diag_fd, &question, sizeof question, 0) < 0) return KernelResult::failed("send NETLINK_SOCK_DIAG");
  alignas(nlmsghdr) char reply[reply_bytes];
  // The kernel has put the answer there before send returned; an absent one must not make the launcher wait.
  const ssize_t got = recv(diag_fd, reply, sizeof reply, MSG_DONTWAIT);
  if (got < 0) return KernelResult::failed("recv NETLINK_SOCK_DIAG");
  return read_reply(reply, static_cast<std::size_t>(got));
}

}  // namespace bulkhead
