#include "declared_opens.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include <algorithm>

#include "raw_syscall.h"

namespace bulkhead {
namespace {

// The first component of a path, taken off it with the slash behind it.
std::string_view take_component(std::string_view& path) {
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view component = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return component;
}

bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = take_component(pattern);
    const std::string_view component = take_component(path);
    if (expected == "*" ? component.empty() : expected != component) return false;
  }
  return pattern.empty() && path.empty();
}

bool grants(const AttachedFile& file, int flags) {
  // Neither a new file nor one without a name, and nothing of a file that is no node.
  if ((flags & (O_CREAT | O_TRUNC | O_PATH | O_TMPFILE)) != 0) return false;
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return file.reads;
    case O_WRONLY:
      return file.writes;
    case O_RDWR:
      return file.reads && file.writes;
    default:
      return false;
  }
}

}  // namespace

bool is_absent(const DeclaredOpens& opens, std::string_view path) {
  return std::any_of(opens.absent.begin(), opens.absent.end(),
                     [&](const std::string& pattern) { return matches(pattern, path); });
}

bool open_declared(const DeclaredOpens& opens, std::string_view path, int flags, UniqueFd& fd, int& error) {
  const auto file = std::find_if(opens.attach.begin(), opens.attach.end(),
                                 [&](const AttachedFile& one) { return one.path == path && grants(one, flags); });
  if (file == opens.attach.end() || !opens.root) return false;
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags & O_ACCMODE) | O_CLOEXEC | O_NOCTTY;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long opened = raw_syscall(SYS_openat2, opens.root.get(), as_argument(file->path.c_str()), as_argument(&how), sizeof how);
  if (opened < 0) {
    error = static_cast<int>(-opened);
  } else {
    fd = UniqueFd(static_cast<int>(opened));
  }
  return true;
}

}  // namespace bulkhead
