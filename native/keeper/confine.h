#pragma once

namespace bulkhead {

// Closes all fds from `first_unused` on and takes from this process all that a keeper does without: capabilities, groups,
// new privileges, and every system call but those with which it waits, reads, passes fds on, refuses others' calls and ends.
// False when any of it fails. Requires: single-threaded. After this nothing can be opened, executed, mapped or signalled.
bool confine_keeper(unsigned first_unused);

}  // namespace bulkhead
