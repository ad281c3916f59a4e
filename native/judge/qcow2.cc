#include "qcow2.h"

namespace bulkhead {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u64 kibibyte = 1024;
constexpr u64 mebibyte = 1024 * kibibyte;

constexpr u32 qcow2_magic = 0x514649fb;
constexpr u32 version2_header_bytes = 72;
constexpr u32 version3_header_bytes = 104;
constexpr u32 cluster_bits_min = 9;
constexpr u32 cluster_bits_max = 21;
// QEMU counts offsets in a signed 64-bit number.
constexpr u64 virtual_bytes_max = 0x7fffffffffffffff & ~(2 * mebibyte - 1);
// Limits of block/qcow2.h: QCOW_MAX_L1_SIZE, QCOW_MAX_REFTABLE_SIZE, QCOW_MAX_SNAPSHOTS, QCOW_MAX_SNAPSHOTS_SIZE,
// QCOW_MAX_SNAPSHOT_EXTRA_DATA, QCOW2_MAX_BITMAPS, QCOW2_MAX_BITMAP_DIRECTORY_SIZE.
constexpr u64 l1_bytes_max = 32 * mebibyte;
constexpr u64 refcount_table_bytes_max = 8 * mebibyte;
constexpr u32 snapshots_max = 65536;
constexpr u64 snapshot_table_bytes_max = 64 * mebibyte;
constexpr u32 snapshot_extra_bytes_max = 1024;
constexpr u32 bitmaps_max = 65535;
constexpr u64 bitmap_directory_bytes_max = 1024ULL * bitmaps_max;
constexpr u32 refcount_order_max = 6;

constexpr u64 feature_corrupt = 1U << 1;
constexpr u64 feature_data_file = 1U << 2;
constexpr u64 feature_compression = 1U << 3;
constexpr u64 feature_extended_l2 = 1U << 4;
constexpr u64 features_known = 0x1f;
constexpr u64 autoclear_bitmaps = 1U << 0;
constexpr u8 compression_max = 1;  // 0 deflate, 1 zstd.

constexpr u32 extension_end = 0;
constexpr u32 extension_encryption = 0x0537be77;
constexpr u32 extension_bitmaps = 0x23852875;
// Each of these QEMU keeps in one place; of a second one it would use the first or the last.
constexpr u32 extensions_unique[] = {0xe2792aca, 0x6803f857, 0x44415441, extension_bitmaps, extension_encryption};

// Offsets in entries: bits 9 to 55. In an L1 entry bit 63 says that the table is used once; the others are reserved.
constexpr u64 entry_offset = 0x00fffffffffffe00;
constexpr u64 l1_entry_reserved = 0x7f000000000001ff;
constexpr u64 refcount_entry_reserved = 0x1ff;

u64 big_endian(const u8* bytes, unsigned count) {
  u64 value = 0;
  for (unsigned index = 0; index < count; ++index) value = value << 8 | bytes[index];
  return value;
}

u32 read32(const u8* bytes) { return static_cast<u32>(big_endian(bytes, 4)); }
u64 read64(const u8* bytes) { return big_endian(bytes, 8); }
u64 round_up(u64 value, u64 step) { return (value + step - 1) & ~(step - 1); }

// A part of the file that nothing else may share.
struct Range {
  u64 start;
  u64 end;
};

class Judge {
 public:
  Judge(const ImageSource& source, Workspace& workspace, Verdict& verdict)
      : source_(source), workspace_(workspace), verdict_(verdict) {}

  void run() {
    if (!read_header()) return;
    if (!check_features() || !check_extensions() || !check_backing_name()) return;
    if (!check_refcounts() || !check_l1() || !check_snapshots()) return;
    check_overlaps();
  }

 private:
  const ImageSource& source_;
  Workspace& workspace_;
  Verdict& verdict_;
  u64 cluster_bytes_ = 0;
  u32 header_bytes_ = 0;
  u64 incompatible_ = 0;
  u64 autoclear_ = 0;
  Range ranges_[4] = {};
  unsigned range_count_ = 0;

  bool fault(Fault what, u64 offset, u64 value) {
    verdict_.fault = what;
    verdict_.offset = offset;
    verdict_.value = value;
    return false;
  }

  const u8* header(u64 offset) const { return workspace_.header + offset; }

  bool read_header() {
    u8* bytes = workspace_.header;
    if (!source_.read(source_, 0, bytes, version2_header_bytes)) return fault(Fault::unreadable, 0, source_.size_bytes);
    if (read32(bytes) != qcow2_magic) return fault(Fault::not_qcow2, 0, read32(bytes));
    const u32 version = read32(header(4));
    if (version != 2 && version != 3) return fault(Fault::version, 4, version);
    const u32 cluster_bits = read32(header(20));
    if (cluster_bits < cluster_bits_min || cluster_bits > cluster_bits_max) return fault(Fault::cluster_bits, 20, cluster_bits);
    cluster_bytes_ = 1ULL << cluster_bits;
    // The last cluster of a file may be cut short.
    const u64 present = source_.size_bytes < cluster_bytes_ ? source_.size_bytes : cluster_bytes_;
    if (present < version2_header_bytes || !source_.read(source_, 0, bytes, present)) return fault(Fault::unreadable, 0, present);
    for (u64 index = present; index < cluster_bytes_; ++index) bytes[index] = 0;
    header_bytes_ = version == 2 ? version2_header_bytes : read32(header(100));
    const bool too_short = version == 3 && header_bytes_ < version3_header_bytes;
    if (too_short || header_bytes_ > cluster_bytes_ || header_bytes_ % 8 != 0)
      return fault(Fault::header_length, 100, header_bytes_);
    verdict_.virtual_bytes = read64(header(24));
    if (verdict_.virtual_bytes > virtual_bytes_max) return fault(Fault::virtual_size, 24, verdict_.virtual_bytes);
    if (read32(header(32)) != 0) verdict_.flags |= is_encrypted;
    return add_range(0, cluster_bytes_);
  }

  bool check_features() {
    if (header_bytes_ == version2_header_bytes) return true;
    incompatible_ = read64(header(72));
    autoclear_ = read64(header(88));
    if ((incompatible_ & ~features_known) != 0) return fault(Fault::features, 72, incompatible_);
    if ((incompatible_ & feature_corrupt) != 0) return fault(Fault::corrupt, 72, incompatible_);
    if ((incompatible_ & feature_data_file) != 0) verdict_.flags |= names_data_file;
    const u8 compression = header_bytes_ > version3_header_bytes ? *header(version3_header_bytes) : 0;
    const bool announced = (incompatible_ & feature_compression) != 0;
    if (compression > compression_max || announced != (compression != 0))
      return fault(Fault::compression, version3_header_bytes, compression);
    return true;
  }

  bool check_extensions() {
    const u64 backing = read64(header(8));
    const u64 end = backing == 0 || backing > cluster_bytes_ ? cluster_bytes_ : backing;
    u32 seen = 0;
    for (u64 place = header_bytes_; place + 8 <= end;) {
      const u32 type = read32(header(place));
      const u32 size = read32(header(place + 4));
      if (type == extension_end) break;
      if (size > end - place - 8) return fault(Fault::extension, place, size);
      if (!check_extension(type, place, seen)) return false;
      place += 8 + round_up(size, 8);
    }
    return true;
  }

  bool check_extension(u32 type, u64 place, u32& seen) {
    unsigned index = 0;
    for (const u32 unique : extensions_unique) {
      if (type == unique) {
        if ((seen >> index & 1) != 0) return fault(Fault::extension, place, type);
        seen |= 1U << index;
      }
      ++index;
    }
    if (type == extension_encryption) verdict_.flags |= is_encrypted;
    return type == extension_bitmaps ? check_bitmaps(place) : true;
  }

  // Without the autoclear bit somebody wrote the image who knew no bitmaps, and QEMU ignores them.
  bool check_bitmaps(u64 place) {
    if ((autoclear_ & autoclear_bitmaps) == 0) return true;
    constexpr u32 extension_bytes = 24;
    if (read32(header(place + 4)) != extension_bytes) return fault(Fault::bitmaps, place, read32(header(place + 4)));
    const u32 count = read32(header(place + 8));
    const u64 size = read64(header(place + 16));
    const u64 offset = read64(header(place + 24));
    const bool counted = count > 0 && count <= bitmaps_max && read32(header(place + 12)) == 0;
    if (!counted || size == 0 || size > bitmap_directory_bytes_max) return fault(Fault::bitmaps, place, size);
    return stands(offset, size) ? true : fault(Fault::bitmaps, place, offset);
  }

  bool check_backing_name() {
    const u64 offset = read64(header(8));
    if (offset == 0) return true;
    const u32 size = read32(header(16));
    const bool within = offset >= header_bytes_ && offset <= cluster_bytes_ && size <= cluster_bytes_ - offset;
    if (!within || size > backing_name_max) return fault(Fault::backing_name, offset, size);
    for (u32 index = 0; index < size; ++index) {
      const u8 byte = *header(offset + index);
      if (byte == 0) return fault(Fault::backing_name, offset + index, size);
      verdict_.backing_name[index] = static_cast<char>(byte);
    }
    verdict_.backing_name_bytes = size;
    if (size > 0) verdict_.flags |= names_backing;
    return true;
  }

  bool check_refcounts() {
    const u32 order = header_bytes_ == version2_header_bytes ? 4 : read32(header(96));
    if (order > refcount_order_max) return fault(Fault::refcount_order, 96, order);
    const u64 offset = read64(header(48));
    const u64 size = static_cast<u64>(read32(header(56))) << bits_of_cluster();
    if (size == 0 || size > refcount_table_bytes_max || !stands(offset, size)) return fault(Fault::refcount_table, 48, offset);
    return add_range(offset, size) && check_entries({offset, offset + size}, refcount_entry_reserved, Fault::refcount_entry);
  }

  bool check_l1() {
    const u64 offset = read64(header(40));
    const u64 entries = read32(header(36));
    const u64 needed = l1_entries_needed();
    if (entries < needed || entries * 8 > l1_bytes_max) return fault(Fault::l1_table, 36, entries);
    // A disk of no size has no table.
    if (entries == 0) return true;
    if (!stands(offset, entries * 8)) return fault(Fault::l1_table, 40, offset);
    return add_range(offset, entries * 8) && check_entries({offset, offset + entries * 8}, l1_entry_reserved, Fault::l1_entry);
  }

  u64 l1_entries_needed() const {
    const unsigned l2_entry_bits = (incompatible_ & feature_extended_l2) != 0 ? 4 : 3;
    const unsigned shift = bits_of_cluster() + bits_of_cluster() - l2_entry_bits;
    return (verdict_.virtual_bytes >> shift) + ((verdict_.virtual_bytes & ((1ULL << shift) - 1)) != 0 ? 1 : 0);
  }

  unsigned bits_of_cluster() const { return static_cast<unsigned>(__builtin_ctzll(cluster_bytes_)); }

  // Every entry of a table names an aligned cluster of the file, or none.
  bool check_entries(Range table, u64 reserved, Fault what) {
    for (u64 place = table.start; place < table.end; place += sizeof workspace_.chunk) {
      const u64 rest = table.end - place;
      const u64 size = rest < sizeof workspace_.chunk ? rest : sizeof workspace_.chunk;
      if (!source_.read(source_, place, workspace_.chunk, size)) return fault(Fault::unreadable, place, size);
      for (u64 index = 0; index + 8 <= size; index += 8) {
        const u64 entry = read64(workspace_.chunk + index);
        const u64 offset = entry & entry_offset;
        if ((entry & reserved) != 0 || (offset != 0 && !stands(offset, cluster_bytes_))) return fault(what, place + index, entry);
      }
    }
    return true;
  }

  bool check_snapshots() {
    const u32 count = read32(header(60));
    if (count == 0) return true;
    const u64 offset = read64(header(64));
    if (count > snapshots_max || !stands(offset, count * snapshot_header_bytes)) return fault(Fault::snapshots, 60, count);
    u64 place = offset;
    for (u32 index = 0; index < count; ++index) {
      if (!check_snapshot(place)) return false;
      if (place - offset > snapshot_table_bytes_max) return fault(Fault::snapshots, 60, place - offset);
    }
    return add_range(offset, place - offset);
  }

  static constexpr u64 snapshot_header_bytes = 40;

  // Moves `place` to the next entry.
  bool check_snapshot(u64& place) {
    u8 entry[snapshot_header_bytes];
    if (!source_.read(source_, place, entry, sizeof entry)) return fault(Fault::unreadable, place, sizeof entry);
    const u64 l1_offset = read64(entry);
    const u64 l1_bytes = static_cast<u64>(read32(entry + 8)) * 8;
    const u32 extra = read32(entry + 36);
    if (extra > snapshot_extra_bytes_max) return fault(Fault::snapshot_entry, place, extra);
    if (l1_bytes > l1_bytes_max || (l1_bytes > 0 && !stands(l1_offset, l1_bytes)))
      return fault(Fault::snapshot_entry, place, l1_offset);
    const u64 texts = big_endian(entry + 12, 2) + big_endian(entry + 14, 2);
    const u64 next = place + round_up(snapshot_header_bytes + extra + texts, 8);
    if (next > round_up(source_.size_bytes, cluster_bytes_)) return fault(Fault::snapshot_entry, place, next);
    place = next;
    return true;
  }

  // Whether something can stand there: aligned, not on the header, and within the file.
  bool stands(u64 offset, u64 size) const {
    const u64 end = round_up(source_.size_bytes, cluster_bytes_);
    return offset >= cluster_bytes_ && offset % cluster_bytes_ == 0 && offset < end && size <= end - offset;
  }

  bool add_range(u64 offset, u64 size) {
    ranges_[range_count_++] = {offset, offset + round_up(size, cluster_bytes_)};
    return true;
  }

  bool check_overlaps() {
    for (unsigned one = 0; one < range_count_; ++one) {
      for (unsigned other = 0; other < one; ++other) {
        const bool apart = ranges_[one].end <= ranges_[other].start || ranges_[other].end <= ranges_[one].start;
        if (!apart) return fault(Fault::overlap, ranges_[one].start, ranges_[other].start);
      }
    }
    return true;
  }
};

}  // namespace

void judge_qcow2(const ImageSource& source, Workspace& workspace, Verdict& verdict) { Judge(source, workspace, verdict).run(); }

}  // namespace bulkhead
