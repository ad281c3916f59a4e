// Detached mounts and Landlock rulesets, ready for a child.
#include "mounts.h"

#include "glue.h"
#include "landlock.h"

namespace bulkhead {
namespace {

Napi::Value clone_tree(const Napi::CallbackInfo& info) {
  return number_or_throw(info.Env(), clone_tree_read_only(get_string(options_of(info), "path")));
}

Napi::Value tmpfs(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  const auto size_bytes = static_cast<std::uint64_t>(get_number(options, "sizeBytes"));
  return number_or_throw(info.Env(), make_tmpfs(size_bytes, get_string(options, "context")));
}

Napi::Value seal(const Napi::CallbackInfo& info) {
  return number_or_throw(info.Env(), seal_tmpfs(get_int(options_of(info), "fd")));
}

Napi::Value device_node(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  const auto number = [&](const char* name) { return static_cast<unsigned>(get_number(options, name)); };
  const NodeRequest node{
      get_string(options, "name"), number("major"), number("minor"), number("mode"), number("user"), number("group")};
  return number_or_throw(info.Env(), make_node(get_int(options, "directoryFd"), node));
}

Napi::Value landlock_ruleset(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  LandlockRequest request{get_u64(options, "handledFs"), get_u64(options, "handledNet"), get_u64(options, "scoped"), {}};
  const Napi::Array rules = get_array(options, "rules");
  for (std::uint32_t index = 0; index < rules.Length(); ++index) {
    const Napi::Object rule = rules.Get(index).As<Napi::Object>();
    request.rules.push_back({get_int(rule, "fd"), get_u64(rule, "access")});
  }
  return number_or_throw(info.Env(), make_landlock_ruleset(request));
}

}  // namespace

void export_mounts(Napi::Env env, Napi::Object exports) {
  exports.Set("cloneTreeReadOnly", Napi::Function::New(env, clone_tree));
  exports.Set("makeTmpfs", Napi::Function::New(env, tmpfs));
  exports.Set("sealTmpfs", Napi::Function::New(env, seal));
  exports.Set("makeNode", Napi::Function::New(env, device_node));
  exports.Set("makeLandlockRuleset", Napi::Function::New(env, landlock_ruleset));
}

}  // namespace bulkhead
