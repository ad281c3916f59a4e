// The UNIX sockets of a network namespace and who is connected with whom: sock_diag(7).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel_result.h"

namespace bulkhead {

struct UnixSocket {
  std::uint32_t inode = 0;
  std::uint32_t peer_inode = 0;  // 0: it is connected to none, or to one that is closed.
  int type = 0;                  // SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET.
  bool listens = false;
  std::string name;  // As it was bound, any bytes; an abstract name begins with a zero byte. Empty: it was not bound.
};

struct UnixSocketList {
  KernelResult result;
  std::vector<UnixSocket> sockets;
};

// Lists the sockets that were made in the network namespace of `namespace_fd`, whoever holds them now; -1: this process's own.
// Another namespace is entered by a thread that ends with the call, which needs CAP_SYS_ADMIN over it. E2BIG: there are more than
// `sockets_max`.
UnixSocketList list_unix_sockets(int namespace_fd, std::size_t sockets_max);

}  // namespace bulkhead
