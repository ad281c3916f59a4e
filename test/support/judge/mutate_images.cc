// Judges mutations of an image, in this process and under the compiler's sanitizers: mutate_images IMAGE SEED COUNT.
// Prints how often each fault was found, by its number, and how many bytes the judge read at most.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "qcow2.h"

namespace {

using Bytes = std::vector<unsigned char>;

std::size_t bytes_read = 0;

bool read_bytes(const bulkhead::ImageSource& source, std::uint64_t offset, void* buffer, std::size_t size) {
  const auto& image = *static_cast<const Bytes*>(source.context);
  bytes_read += size;
  if (offset > image.size() || size > image.size() - offset) return false;
  std::memcpy(buffer, image.data() + offset, size);
  return true;
}

// Values that limits lie next to.
std::uint64_t interesting(std::mt19937_64& random) {
  const std::uint64_t power = 1ULL << random() % 64;
  const std::uint64_t near[] = {0, 1, power, power - 1, power + 1, ~0ULL, ~0ULL - random() % 4096, random()};
  return near[random() % std::size(near)];
}

void mutate(Bytes& image, std::mt19937_64& random) {
  // Most of what matters stands in the header and its extensions.
  const std::size_t reach = random() % 4 == 0 ? image.size() : 512;
  // The table of snapshots, where there is one: it is a few bytes in a large file.
  const std::size_t snapshots = static_cast<std::size_t>(image[69]) << 16 | static_cast<std::size_t>(image[70]) << 8;
  const std::size_t places[] = {4, 8, 16, 20, 24, 32, 36, 40, 48, 56, 60, 64, 72, 80, 88, 96, 100, 104, 112};
  for (std::size_t edits = 1 + random() % 4; edits > 0; --edits) {
    const std::size_t elsewhere = random() % 4 == 0 ? snapshots + random() % 80 : random() % reach;
    const std::size_t place = random() % 2 == 0 ? places[random() % std::size(places)] : elsewhere;
    const std::uint64_t value = interesting(random);
    const std::size_t width = 1ULL << random() % 4;
    for (std::size_t byte = 0; byte < width && place + byte < image.size(); ++byte)
      image[place + byte] = static_cast<unsigned char>(value >> 8 * (width - 1 - byte));
  }
  // A backing file's name of up to 4 KiB, without an end.
  if (random() % 8 == 0) {
    const std::uint64_t length = random() % 4096;
    image[18] = static_cast<unsigned char>(length >> 8);
    image[19] = static_cast<unsigned char>(length);
    const std::size_t start = 300 + random() % 300;
    for (std::size_t place = start; place < 8192 && place < image.size(); ++place) image[place] = 'A';
  }
  if (random() % 8 == 0) image.resize(random() % image.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  const Bytes original((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (original.empty()) return 2;
  std::mt19937_64 random(std::strtoull(argv[2], nullptr, 10));
  static bulkhead::Workspace workspace;
  std::vector<unsigned long> found(64);
  std::size_t most = 0;
  for (unsigned long count = std::strtoul(argv[3], nullptr, 10); count > 0; --count) {
    Bytes image = original;
    mutate(image, random);
    bytes_read = 0;
    bulkhead::Verdict verdict;
    bulkhead::judge_qcow2({read_bytes, &image, image.size()}, workspace, verdict);
    if (verdict.backing_name_bytes > bulkhead::backing_name_max) std::abort();
    ++found.at(static_cast<std::size_t>(verdict.fault));
    if (bytes_read > most) most = bytes_read;
  }
  for (const unsigned long count : found) std::printf("%lu ", count);
  std::printf("%zu\n", most);
}
