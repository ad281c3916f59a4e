// What the hostile device is told to do: registers of BAR 1, 8192 bytes of memory, little-endian, 8 bytes each.
//
//   000h  "BHAC", read-only              048h  writing an act tries it: see Act
//   008h  number of the system call      050h  what the last call answered
//   010h  its six arguments              058h  how many calls succeeded
//   040h  how often it is made,          060h  address of the data page, read-only
//         until one of them fails        1000h the data page, for what calls read and write
#pragma once

#include <cstdint>

namespace bulkhead {

constexpr std::uint32_t acts_bytes = 8192;

enum class Act : std::uint64_t {
  call = 1,   // The system call; a process that it makes waits for the end of the monitor.
  load = 2,   // Reads 8 bytes at the address in argument 0 into the answer.
  store = 3,  // Writes argument 1 there.
  jump = 4,   // Calls the address in argument 0.
  spin = 5,   // Never answers again.
};

// `place` and `size` lie within the window.
std::uint64_t read_acts(std::uint32_t place, std::uint32_t size);
void write_acts(std::uint32_t place, std::uint32_t size, std::uint64_t value);

}  // namespace bulkhead
