// What this kernel offers.
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <sys/prctl.h>

#include "glue.h"
#include "kvm_probe.h"
#include "landlock.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

Napi::Value kvm_version(const Napi::CallbackInfo& info) { return number_or_throw(info.Env(), probe_kvm()); }

Napi::Value landlock_version(const Napi::CallbackInfo& info) { return number_or_throw(info.Env(), landlock_abi()); }

// The core-scheduling cookie of a process, 0n when it has none. EINVAL: the kernel has no core scheduling; ENODEV: the
// machine has no hardware threads to protect from one another.
Napi::Value core_cookie(const Napi::CallbackInfo& info) {
  const int pid = get_int(options_of(info), "pid");
  unsigned long cookie = 0;
  const long r = raw_syscall(SYS_prctl, PR_SCHED_CORE, PR_SCHED_CORE_GET, pid, PR_SCHED_CORE_SCOPE_THREAD, as_argument(&cookie));
  if (r < 0) throw kernel_error(info.Env(), "prctl PR_SCHED_CORE_GET", static_cast<int>(-r));
  return Napi::BigInt::New(info.Env(), static_cast<std::uint64_t>(cookie));
}

// The serial number of this process's session keyring, 0n when it has none.
Napi::Value session_keyring(const Napi::CallbackInfo& info) {
  const long serial = raw_syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  return Napi::BigInt::New(info.Env(), static_cast<std::uint64_t>(serial < 0 ? 0 : serial));
}

}  // namespace

void export_host(Napi::Env env, Napi::Object exports) {
  exports.Set("kvmVersion", Napi::Function::New(env, kvm_version));
  exports.Set("landlockAbi", Napi::Function::New(env, landlock_version));
  exports.Set("sessionKeyring", Napi::Function::New(env, session_keyring));
  exports.Set("coreCookie", Napi::Function::New(env, core_cookie));
}

}  // namespace bulkhead
