// Landlock rulesets, made by the launcher and entered by the child. Rules hold inodes, so they may be made on fds of the
// launcher's own mounts. The access bits come from the caller, which knows the kernel's ABI (src/sandbox/landlock.ts).
#pragma once

#include <cstdint>
#include <vector>

#include "kernel_result.h"

namespace bulkhead {

struct LandlockRule {
  int fd = -1;
  std::uint64_t access = 0;
};

struct LandlockRequest {
  std::uint64_t handled_fs = 0;
  std::uint64_t handled_net = 0;  // Must be 0 below ABI 4.
  std::uint64_t scoped = 0;       // Must be 0 below ABI 6.
  std::vector<LandlockRule> rules;
};

// The ABI that the kernel speaks, 1 or more; ENOSYS or EOPNOTSUPP where it has no Landlock.
KernelResult landlock_abi();

// Returns a ruleset fd.
KernelResult make_landlock_ruleset(const LandlockRequest& request);

}  // namespace bulkhead
