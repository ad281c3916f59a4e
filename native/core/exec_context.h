// The SELinux context of a thread: of its next program, for a child between clone and exec, or at once. Raw system calls only.
#pragma once

namespace bulkhead {

// What setexeccon(3) writes. With a context set, a transition that the policy refuses fails exec instead of being left out.
// Returns a negated errno when it could not be set.
long set_exec_context(const char* context);

// What setcon(3) writes, for the calling thread alone: in a process with several the kernel lets each change to a type that its
// own bounds (security_bounded_transition, security/selinux/ss/services.c). Returns a negated errno when it was refused.
long set_current_context(const char* context);

}  // namespace bulkhead
