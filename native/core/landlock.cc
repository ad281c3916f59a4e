#include "landlock.h"

#include <linux/landlock.h>

#include "raw_syscall.h"
#include "unique_fd.h"

namespace bulkhead {
namespace {

// struct landlock_ruleset_attr of ABI 6 (Linux 6.12); older kernels accept it when the members they lack are zero.
struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

}  // namespace

KernelResult landlock_abi() {
  const long r = raw_syscall(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return r < 0 ? KernelResult::failed("landlock_create_ruleset", static_cast<int>(-r)) : KernelResult::of(r);
}

KernelResult make_landlock_ruleset(const LandlockRequest& request) {
  const RulesetAttributes attributes{request.handled_fs, request.handled_net, request.scoped};
  const long created = raw_syscall(SYS_landlock_create_ruleset, as_argument(&attributes), sizeof attributes, 0);
  if (created < 0) return KernelResult::failed("landlock_create_ruleset", static_cast<int>(-created));
  UniqueFd ruleset(static_cast<int>(created));
  for (const LandlockRule& rule : request.rules) {
    const landlock_path_beneath_attr beneath{rule.access, rule.fd};
    const long r = raw_syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, as_argument(&beneath), 0);
    if (r < 0) return KernelResult::failed("landlock_add_rule", static_cast<int>(-r));
  }
  return KernelResult::of(ruleset.release());
}

}  // namespace bulkhead
