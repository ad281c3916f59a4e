// A network namespace made beside other work. To make one takes the kernel longer than all other namespaces together.
#pragma once

#include "kernel_result.h"
#include "unique_fd.h"

namespace bulkhead {

// Makes a network namespace on a thread of its own. The value is a socket from which take_network_namespace gets it;
// closed before that, it takes the namespace with it. The namespace belongs to the launcher's user namespace, so a process
// that is put into it has no privilege over it, whatever it may hold in a user namespace of its own.
KernelResult begin_network_namespace();

// Waits until the namespace is made. The value is its fd.
KernelResult take_network_namespace(int socket);

// The network namespace of the calling thread.
KernelResult own_network_namespace();

}  // namespace bulkhead
