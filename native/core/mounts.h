// Detached mounts: built by the launcher, attached by the child in its own mount namespace. They have no place in the
// host's tree and vanish with their last fd, so that a killed launcher leaves none behind. New mount API, Linux 5.12.
#pragma once

#include <cstdint>
#include <string>

#include "kernel_result.h"

namespace bulkhead {

// A detached copy of the directory `path`, without submounts: read-only, nosuid, nodev.
KernelResult clone_tree_read_only(const std::string& path);

// A detached tmpfs of at most `size_bytes`, root directory mode 0755. It belongs to the launcher's user namespace, which
// is why device nodes work in it: a tmpfs made inside the child's user namespace would be nodev for ever. A SELinux context
// is that of all it holds, for good; empty: as the policy has it.
KernelResult make_tmpfs(std::uint64_t size_bytes, const std::string& selinux_context);

// Seals a mount made above: read-only, nosuid, noexec. (nodev would disable its nodes.)
KernelResult seal_tmpfs(int mount_fd);

struct NodeRequest {
  std::string name;
  unsigned major = 0;
  unsigned minor = 0;
  unsigned mode = 0;
  unsigned user = 0;
  unsigned group = 0;
};
// A character device node in the directory `directory_fd`.
KernelResult make_node(int directory_fd, const NodeRequest& node);

}  // namespace bulkhead
