// The device itself: configuration space, one BAR of registers, INTA.
//
// Registers of BAR 0 (4096 bytes of memory), little-endian:
//   000h  "BHRD", read-only                   040h, 048h  DMA source and destination, 8 bytes each
//   008h  scratch, to 03Fh                    050h  DMA length, at most 1 MiB; 054h  writing 1 copies
//   060h  doorbell: rings are counted here    058h  1: copied, 2: failed; writing clears the bits that are written
//   068h  writing 1 raises the line, 0 lowers it
//   100h  messages received of command 0 to 7, 8 bytes each; 140h  fds received; 148h  resamples
//
// The line is high while 058h or 068h is not 0.
#pragma once

#include "channel.h"

namespace bulkhead {

void reset_device();

// Counts a message that came. Before anything is done with it.
void count_message(const Message& message);

// All ones: refused.
std::uint64_t access_config(const Message& message);
std::uint64_t access_bar(const Message& message);

// Takes over the two eventfds of a set-irqfd.
void bind_interrupt(const Message& message);

// The resamplefd to wait for besides the channel; -1: none yet.
int resample_fd();
// It can be read: the guest is done with an interrupt.
void resample();

}  // namespace bulkhead
