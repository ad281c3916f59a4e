#include "unix_sockets.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <system_error>
#include <thread>

#include "socket_diag.h"
#include "unique_fd.h"

namespace bulkhead {
namespace {

struct Question {
  nlmsghdr header;
  unix_diag_req request;
};

// NLMSG_GOODSIZE of the kernel is at most this: Documentation/userspace-api/netlink/intro.rst, "Buffer sizing".
constexpr std::size_t reply_bytes = 32768;
// TCP_LISTEN of include/net/tcp_states.h, which UNIX sockets use too.
constexpr int listening = 10;

KernelResult ask_for_all(int diag_fd) {
  Question question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  question.request.sdiag_family = AF_UNIX;
  question.request.udiag_states = ~0U;
  question.request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
  if (send(diag_fd, &question, sizeof question, 0) < 0) return KernelResult::failed("send NETLINK_SOCK_DIAG");
  return KernelResult::of(0);
}

void take_attribute(const rtattr& attribute, const char* content, UnixSocket& socket) {
  const std::size_t length = attribute.rta_len - RTA_LENGTH(0);
  if (attribute.rta_type == UNIX_DIAG_NAME) socket.name.assign(content, length);
  if (attribute.rta_type == UNIX_DIAG_PEER && length >= sizeof socket.peer_inode)
    std::memcpy(&socket.peer_inode, content, sizeof socket.peer_inode);
}

UnixSocket read_socket(const nlmsghdr* header) {
  constexpr std::size_t message_bytes = NLMSG_ALIGN(sizeof(unix_diag_msg));
  unix_diag_msg message;
  std::memcpy(&message, NLMSG_DATA(header), sizeof message);
  UnixSocket socket;
  socket.inode = message.udiag_ino;
  socket.type = message.udiag_type;
  socket.listens = message.udiag_state == listening;
  const char* position = static_cast<const char*>(NLMSG_DATA(header)) + message_bytes;
  std::size_t left = header->nlmsg_len - NLMSG_LENGTH(message_bytes);
  while (left >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, position, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > left) break;
    take_attribute(attribute, position + RTA_LENGTH(0), socket);
    const std::size_t step = std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), left);
    position += step;
    left -= step;
  }
  return socket;
}

// One datagram of answers. 1: the list is complete; 0: more follow.
KernelResult take_answers(const char* reply, std::size_t got, std::vector<UnixSocket>& sockets) {
  auto left = static_cast<unsigned>(got);
  const auto* header = reinterpret_cast<const nlmsghdr*>(reply);
  for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
    if (header->nlmsg_type == NLMSG_DONE) return KernelResult::of(1);
    if (header->nlmsg_type == NLMSG_ERROR) {
      const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
      return KernelResult::failed("sock_diag", -error->error);
    }
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg))) return KernelResult::failed("sock_diag", EPROTO);
    sockets.push_back(read_socket(header));
  }
  return KernelResult::of(0);
}

UnixSocketList list_here(std::size_t sockets_max) {
  UnixSocketList list;
  list.result = open_socket_diag();
  if (!list.result.ok()) return list;
  const UniqueFd diag(static_cast<int>(list.result.value));
  list.result = ask_for_all(diag.get());
  std::vector<char> reply(reply_bytes);
  while (list.result.ok() && list.result.value == 0) {
    // A dump's next part is made while this one is received, so that there is always one: the call does not wait.
    const ssize_t got = recv(diag.get(), reply.data(), reply.size(), MSG_DONTWAIT);
    if (got < 0) {
      list.result = KernelResult::failed("recv NETLINK_SOCK_DIAG");
    } else {
      list.result = take_answers(reply.data(), static_cast<std::size_t>(got), list.sockets);
    }
    if (list.sockets.size() > sockets_max) list.result = KernelResult::failed("sock_diag", E2BIG);
  }
  return list;
}

UnixSocketList list_in(int namespace_fd, std::size_t sockets_max) {
  UnixSocketList list;
  if (setns(namespace_fd, CLONE_NEWNET) != 0) {
    list.result = KernelResult::failed("setns CLONE_NEWNET");
    return list;
  }
  return list_here(sockets_max);
}

}  // namespace

UnixSocketList list_unix_sockets(int namespace_fd, std::size_t sockets_max) {
  if (namespace_fd < 0) return list_here(sockets_max);
  UnixSocketList list;
  try {
    // A thread of its own: it is the one that changes its namespace.
    std::thread visitor([&] { list = list_in(namespace_fd, sockets_max); });
    visitor.join();
  } catch (const std::system_error& error) {
    list.result = KernelResult::failed("pthread_create", error.code().value());
  }
  return list;
}

}  // namespace bulkhead
