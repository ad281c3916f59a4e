// The SELinux context of the next program, for a child between clone and exec: raw system calls only.
#pragma once

namespace bulkhead {

// What setexeccon(3) writes. With a context set, a transition that the policy refuses fails exec instead of being left out.
// Returns a negated errno when it could not be set.
long set_exec_context(const char* context);

}  // namespace bulkhead
