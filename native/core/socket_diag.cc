#include "socket_diag.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

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
  const auto* message = static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
  auto* attribute = reinterpret_cast<rtattr*>(reinterpret_cast<std::uintptr_t>(message) + NLMSG_ALIGN(sizeof *message));
  auto left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof *message)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != UNIX_DIAG_RQLEN) continue;
    unix_diag_rqlen lengths;
    std::memcpy(&lengths, RTA_DATA(attribute), sizeof lengths);
    return KernelResult::of(lengths.udiag_rqueue);
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
