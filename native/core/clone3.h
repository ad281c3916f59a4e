#pragma once

#include <linux/sched.h>

// clone3(2) with a stack of its own for the child, which runs `function(argument)` and must not return.
// Written in assembler because the child wakes up on an empty stack, where compiled code cannot return to.
extern "C" long bulkhead_clone3(const clone_args* args, unsigned long size, void (*function)(void*), void* argument);
