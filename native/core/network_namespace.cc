#include "network_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

#include <cstring>
#include <system_error>
#include <thread>

namespace bulkhead {
namespace {

// Within one process: the pointer is to a literal.
struct Answer {
  const char* call;
  int error;
};

union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

void send_answer(int socket, const KernelResult& made) {
  Answer answer{made.call, made.error};
  iovec part{&answer, sizeof answer};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (made.ok()) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = static_cast<int>(made.value);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  // Whoever asked may have given up; then the namespace ends here.
  sendmsg(socket, &message, MSG_NOSIGNAL);
}

KernelResult make_namespace() {
  if (unshare(CLONE_NEWNET) != 0) return KernelResult::failed("unshare CLONE_NEWNET");
  return own_network_namespace();
}

}  // namespace

KernelResult own_network_namespace() {
  const int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  return fd < 0 ? KernelResult::failed("open /proc/thread-self/ns/net") : KernelResult::of(fd);
}

KernelResult begin_network_namespace() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return KernelResult::failed("socketpair");
  UniqueFd near(ends[0]);
  try {
    std::thread([far = UniqueFd(ends[1])] {
      const KernelResult made = make_namespace();
      const UniqueFd fd(made.ok() ? static_cast<int>(made.value) : -1);
      send_answer(far.get(), made);
    }).detach();
  } catch (const std::system_error& error) {
    return KernelResult::failed("pthread_create", error.code().value());
  }
  return KernelResult::of(near.release());
}

KernelResult take_network_namespace(int socket) {
  Answer answer{};
  iovec part{&answer, sizeof answer};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof answer)) return KernelResult::failed("recvmsg", got < 0 ? errno : EPROTO);
  if (answer.call != nullptr) return KernelResult::failed(answer.call, answer.error);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  // The launcher's fd table was full: the kernel dropped what it could not install.
  if (header == nullptr || (message.msg_flags & MSG_CTRUNC) != 0) return KernelResult::failed("recvmsg", EMFILE);
  int fd;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return KernelResult::of(fd);
}

}  // namespace bulkhead
