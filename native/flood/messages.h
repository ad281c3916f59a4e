// What a VMM sends: messages that keep the protocol, and such as break it.
#pragma once

#include <cstdint>
#include <vector>

#include "random.h"
#include "unique_fd.h"

namespace bulkhead {

// One sendmsg.
struct Piece {
  std::vector<unsigned char> bytes;
  std::vector<int> fds;  // Borrowed from Fds.
};

// What is sent along.
struct Fds {
  Fds();
  UniqueFd memory;    // Sealed, of `file_pages` pages.
  UniqueFd unsealed;  // A memfd that can be cut off.
  UniqueFd irq;
  UniqueFd resample;
  UniqueFd nothing;  // /dev/null.
  UniqueFd folder;   // /
};
constexpr std::uint64_t file_pages = 64;

// A config-read of the ids.
Piece first_message();

// A message that a device must take. Its answer, if it has one, is a ret.
Piece good_message(Random& random, const Fds& fds);

// Whether good_message() made one that is answered.
bool is_answered(const Piece& message);

// A message with some bytes changed, cut off or added, with too few, too many or other fds, or no message at all. It may be good
// by chance.
Piece bad_message(Random& random, const Fds& fds);

}  // namespace bulkhead
