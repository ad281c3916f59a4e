// What is read of processes that nobody trusts.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "glue.h"
#include "unix_sockets.h"

namespace bulkhead {
namespace {

// Facts of what a path leads to as the kernel has them at hand: a file system in user space (FUSE), whose server may be the very
// process that is looked at and never answer, is not asked.
Napi::Value describe_file(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = get_string(options_of(info), "path");
  struct statx facts {};
  if (statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &facts) != 0)
    throw kernel_error(env, "statx", errno);
  Napi::Object result = Napi::Object::New(env);
  const auto set = [&](const char* name, auto value) { result.Set(name, Napi::Number::New(env, static_cast<double>(value))); };
  set("mode", facts.stx_mode);
  set("uid", facts.stx_uid);
  set("gid", facts.stx_gid);
  set("links", facts.stx_nlink);
  set("inode", facts.stx_ino);
  set("device", makedev(facts.stx_dev_major, facts.stx_dev_minor));
  set("nodeMajor", facts.stx_rdev_major);
  set("nodeMinor", facts.stx_rdev_minor);
  return result;
}

Napi::Value unix_sockets(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info);
  const UnixSocketList list =
      list_unix_sockets(get_int(options, "namespaceFd"), static_cast<std::size_t>(get_number(options, "socketsMax")));
  if (!list.result.ok()) throw kernel_error(env, list.result.call, list.result.error);
  Napi::Array sockets = Napi::Array::New(env, list.sockets.size());
  for (std::uint32_t index = 0; index < list.sockets.size(); ++index) {
    const UnixSocket& read = list.sockets[index];
    Napi::Object socket = Napi::Object::New(env);
    socket.Set("inode", Napi::Number::New(env, read.inode));
    socket.Set("peerInode", Napi::Number::New(env, read.peer_inode));
    socket.Set("type", Napi::Number::New(env, read.type));
    socket.Set("listens", Napi::Boolean::New(env, read.listens));
    socket.Set("name", Napi::Buffer<char>::Copy(env, read.name.data(), read.name.size()));
    sockets.Set(index, socket);
  }
  return sockets;
}

}  // namespace

void export_observation(Napi::Env env, Napi::Object exports) {
  exports.Set("describeFile", Napi::Function::New(env, describe_file));
  exports.Set("unixSockets", Napi::Function::New(env, unix_sockets));
}

}  // namespace bulkhead
