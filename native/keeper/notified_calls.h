#pragma once

namespace bulkhead {

// Answers the next call that waits at a seccomp listener, if there is one: it is refused with EPERM. Never lets one through.
void refuse_next_call(int listener_fd);

// Whether this kernel's structs of a notification fit into what refuse_next_call has for them.
bool notifications_fit();

}  // namespace bulkhead
