// System calls without libc: no errno, no cancellation points, no thread-local storage.
//
// The child between clone and exec shares the launcher's memory, including the thread-local storage of the thread that
// cloned it. glibc's wrappers would write that thread's errno; these do not touch memory of their own at all.
#pragma once

#include <sys/syscall.h>
#include <cstdint>

#ifndef __x86_64__
#error "Bulkhead's core speaks the x86-64 system call ABI only"
#endif

namespace bulkhead {

// Returns what the kernel returns: a value, or a negated errno in [-4095, -1].
inline long raw_syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// strlen without libc.
inline long length_of(const char* text) {
  long length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

template <typename T>
long as_argument(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

}  // namespace bulkhead
