// The opens after lock-down that a policy declares, and how they are answered.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unique_fd.h"

namespace bulkhead {

struct AttachedFile {
  std::string path;
  bool reads = false;
  bool writes = false;
};

struct DeclaredOpens {
  std::vector<AttachedFile> attach;
  std::vector<std::string> absent;  // Patterns; a component `*` stands for any one name.
  UniqueFd root;                    // The process's own root, beneath which files are opened; empty: none is.
};

bool is_absent(const DeclaredOpens& opens, std::string_view path);

// Opens a declared file beneath the process's root, without following any link. `flags` are those of the process's openat;
// its access mode and O_CLOEXEC count. False when the open is not declared; otherwise `fd` is the file, or `error` says why not.
bool open_declared(const DeclaredOpens& opens, std::string_view path, int flags, UniqueFd& fd, int& error);

}  // namespace bulkhead
