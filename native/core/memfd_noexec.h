// Whether memory files of a pid namespace may be executed, for a child between clone and exec: raw system calls only.
#pragma once

#include <cstdint>

namespace bulkhead {

// Sets vm.memfd_noexec of the caller's pid namespace (Linux 6.3; Documentation/userspace-api/mfd_noexec.rst) and reads it back.
// Requires: the host's /proc, its uid, and CAP_SYS_ADMIN over the namespace. Returns a negated errno when it is not `level`
// then: -EPROTO when the kernel took it and shows another.
long set_memfd_noexec(std::uint64_t level);

}  // namespace bulkhead
