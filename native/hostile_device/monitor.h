// As much of a QMP monitor as a launch asks for: every command is answered with an empty result. Fd 3.
#pragma once

namespace bulkhead {

constexpr int monitor_fd = 3;

void greet();

// Answers the commands that have come. False: whoever asked has gone.
bool answer_monitor();

}  // namespace bulkhead
