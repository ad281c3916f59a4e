#include "audit_records.h"

#include <endian.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <iterator>

#include "unique_fd.h"

namespace bulkhead {

KernelResult open_audit_records() {
  UniqueFd records(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT));
  if (!records) return KernelResult::failed("socket NETLINK_AUDIT");
  // Before bind, so that no other record gets in: a host's audit log is none of our business, and would fill the queue.
  // A classic BPF load of a half word swaps it to host order, as of network data; the header is in host order.
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htobe16(AUDIT_SECCOMP), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, ~0U),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(filter)), filter};
  if (setsockopt(records.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    return KernelResult::failed("setsockopt SO_ATTACH_FILTER");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1);
  if (bind(records.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return KernelResult::failed("bind AUDIT_NLGRP_READLOG");
  return KernelResult::of(records.release());
}

}  // namespace bulkhead
