// What a child tells its launcher before exec, and the handing over of its filter's listener. Raw system calls only.
#pragma once

#include "child_operation.h"

namespace bulkhead {

// All return 0 or more, or a negated errno.

void tell_launcher(const ChildProgram& program, const ChildReport& report);

// Ends with SIGKILL when the launcher dies, or at once when it has died already.
long end_with_launcher(int status_fd);

// Without a `listener` in the program, for a process that confines itself, the filter is loaded and nothing else.
long load_filter(const ChildOperation& operation, const ChildProgram& program);

// A notified call: it returns when the launcher holds the listener. The program may outlive the launcher once it runs.
long await_listener_taken();

}  // namespace bulkhead
