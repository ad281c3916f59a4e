// What a program without libc must define itself: the compiler calls these of its own accord.
#include <cstddef>

extern "C" {
void* memset(void* target, int value, std::size_t size) {
  auto* bytes = static_cast<volatile unsigned char*>(target);
  for (std::size_t index = 0; index < size; ++index) bytes[index] = static_cast<unsigned char>(value);
  return target;
}

void* memcpy(void* target, const void* source, std::size_t size) {
  auto* to = static_cast<volatile unsigned char*>(target);
  const auto* from = static_cast<const unsigned char*>(source);
  for (std::size_t index = 0; index < size; ++index) to[index] = from[index];
  return target;
}
}
