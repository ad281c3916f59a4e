#pragma once

#include "kernel_result.h"

namespace bulkhead {

// Runs three real-mode instructions in a throw-away KVM virtual machine with an in-kernel interrupt controller and an
// irqfd. Value: the KVM API version when the guest did what it was told. A /dev/kvm that opens proves nothing: some
// hosts offer one on which no code runs. EPROTO: the guest exited otherwise than expected.
KernelResult probe_kvm();

}  // namespace bulkhead
