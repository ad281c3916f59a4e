// The kernel's audit records as they are multicast to readers: netlink(7), AUDIT_NLGRP_READLOG of linux/audit.h.
#pragma once

#include "kernel_result.h"

namespace bulkhead {

// Opens a non-blocking socket that gets the records of seccomp (AUDIT_SECCOMP) and no others, each with its netlink header.
// Whether auditd runs makes no difference. Requires: CAP_AUDIT_READ, and the initial network namespace. Returns its fd.
KernelResult open_audit_records();

}  // namespace bulkhead
