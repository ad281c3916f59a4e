#include "monitor_acts.h"

#include "acts.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

constexpr std::uint32_t register_bytes = 8;

// Two quotes, two digits for each byte, and the end.
char text[2 * acts_bytes + 3];

// Just behind the first `word` in the command; 0: it is not there.
std::uint64_t find_behind(const char* command, std::uint64_t size, const char* word) {
  const auto length = static_cast<std::uint64_t>(length_of(word));
  for (std::uint64_t place = 0; place + length <= size; ++place) {
    std::uint64_t same = 0;
    while (same < length && command[place + same] == word[same]) ++same;
    if (same == length) return place + length;
  }
  return 0;
}

std::uint32_t number_at(const char* command, std::uint64_t size, const char* word) {
  std::uint32_t number = 0;
  for (std::uint64_t place = find_behind(command, size, word); place < size; ++place) {
    if (command[place] < '0' || command[place] > '9') break;
    number = number * 10 + static_cast<std::uint32_t>(command[place] - '0');
  }
  return number;
}

std::uint32_t digit_of(char letter) { return static_cast<std::uint32_t>(letter <= '9' ? letter - '0' : letter - 'a' + 10); }

void write_bytes(const char* digits, std::uint32_t place) {
  while (*digits != '"' && place < acts_bytes) {
    std::uint64_t value = 0;
    std::uint32_t size = 0;
    for (; size < register_bytes && place + size < acts_bytes && digits[0] != '"'; ++size, digits += 2)
      value |= static_cast<std::uint64_t>(digit_of(digits[0]) << 4 | digit_of(digits[1])) << (8 * size);
    write_acts(place, size, value);
    place += size;
  }
}

const char* read_bytes(std::uint32_t place, std::uint32_t size) {
  constexpr char digits[] = "0123456789abcdef";
  char* end = text;
  *end++ = '"';
  for (std::uint32_t index = 0; index < size && place + index < acts_bytes; ++index) {
    const std::uint64_t value = read_acts(place + index, 1);
    *end++ = digits[value >> 4];
    *end++ = digits[value & 0xf];
  }
  *end++ = '"';
  *end = '\0';
  return text;
}

}  // namespace

const char* perform_monitor_act(const char* command, std::uint64_t size) {
  const std::uint32_t place = number_at(command, size, "\"place\":");
  if (find_behind(command, size, "\"x-act-read\"") != 0) return read_bytes(place, number_at(command, size, "\"size\":"));
  if (find_behind(command, size, "\"x-act-write\"") != 0) {
    const std::uint64_t digits = find_behind(command, size, "\"bytes\":\"");
    if (digits != 0) write_bytes(command + digits, place);
  }
  return "{}";
}

}  // namespace bulkhead
