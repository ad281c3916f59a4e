#include <cstring>

#include "glue.h"

namespace bulkhead {

Napi::Error kernel_error(Napi::Env env, const char* call, int error) {
  const char* name = strerrorname_np(error);
  Napi::Error failure = Napi::Error::New(env, std::string(call) + ": " + (name == nullptr ? "unknown error" : name));
  failure.Set("syscall", std::string(call));
  failure.Set("errno", Napi::Number::New(env, error));
  failure.Set("code", std::string(name == nullptr ? "UNKNOWN" : name));
  return failure;
}

namespace {

[[noreturn]] void throw_shape(const Napi::Object& options, const char* name, const char* expected) {
  throw Napi::TypeError::New(options.Env(), std::string("native option \"") + name + "\" is not " + expected);
}

}  // namespace

std::string get_string(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsString()) throw_shape(options, name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

double get_number(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsNumber()) throw_shape(options, name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

int get_int(const Napi::Object& options, const char* name) { return static_cast<int>(get_number(options, name)); }

bool get_bool(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsBoolean()) throw_shape(options, name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::uint64_t get_u64(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsBigInt()) throw_shape(options, name, "a BigInt");
  bool lossless = false;
  const std::uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) throw_shape(options, name, "an unsigned 64-bit number");
  return number;
}

Napi::Array get_array(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsArray()) throw_shape(options, name, "an array");
  return value.As<Napi::Array>();
}

std::vector<std::string> get_strings(const Napi::Object& options, const char* name) {
  const Napi::Array array = get_array(options, name);
  std::vector<std::string> strings;
  for (std::uint32_t index = 0; index < array.Length(); ++index) {
    const Napi::Value value = array.Get(index);
    if (!value.IsString()) throw_shape(options, name, "an array of strings");
    strings.push_back(value.As<Napi::String>().Utf8Value());
  }
  return strings;
}

Napi::Object options_of(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsObject())
    throw Napi::TypeError::New(info.Env(), "native functions take one named-options object");
  return info[0].As<Napi::Object>();
}

Napi::Value number_or_throw(Napi::Env env, const KernelResult& result) {
  if (!result.ok()) throw kernel_error(env, result.call, result.error);
  return Napi::Number::New(env, static_cast<double>(result.value));
}

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  export_call_gate(env, exports);
  export_fd_messages(env, exports);
  export_files(env, exports);
  export_host(env, exports);
  export_mounts(env, exports);
  export_observation(env, exports);
  export_processes(env, exports);
  export_session(env, exports);
  export_seccomp(env, exports);
  export_shared_mappings(env, exports);
  export_sockets(env, exports);
  export_spawn(env, exports);
  return exports;
}

}  // namespace
}  // namespace bulkhead

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) { return bulkhead::initialize(env, exports); }
NODE_API_MODULE(bulkhead, initialize_addon)
