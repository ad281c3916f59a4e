// Shared memory, as objects that copy in and out: no pointer and no ArrayBuffer over it ever reaches JavaScript, so nothing
// there can outlive the mapping.
#include "shared_mapping.h"

#include "glue.h"

namespace bulkhead {
namespace {

class MappingHandle : public Napi::ObjectWrap<MappingHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "SharedMapping",
                       {InstanceMethod<&MappingHandle::read>("read"), InstanceMethod<&MappingHandle::write>("write"),
                        InstanceMethod<&MappingHandle::load>("load"), InstanceMethod<&MappingHandle::store>("store"),
                        InstanceMethod<&MappingHandle::close>("close")});
  }

  explicit MappingHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MappingHandle>(info) {
    const Napi::Object options = options_of(info);
    const KernelResult result =
        SharedMapping::open(get_int(options, "fd"), get_u64(options, "offset"), get_u64(options, "sizeBytes"), mapping_);
    if (!result.ok()) throw kernel_error(info.Env(), result.call, result.error);
  }

 private:
  SharedMapping& mapping(Napi::Env env) {
    if (mapping_ == nullptr) throw Napi::Error::New(env, "the memory is no longer mapped");
    return *mapping_;
  }

  static void expect_inside(Napi::Env env, bool inside) {
    if (!inside)
      throw Napi::RangeError::New(env, "the access is not inside the mapped memory, or not at a multiple of its width");
  }

  static Napi::Buffer<unsigned char> bytes_of(const Napi::Object& options) {
    const Napi::Value bytes = options.Get("bytes");
    if (!bytes.IsBuffer()) throw Napi::TypeError::New(options.Env(), "native option \"bytes\" is not a Buffer");
    return bytes.As<Napi::Buffer<unsigned char>>();
  }

  Napi::Value read(const Napi::CallbackInfo& info) {
    const Napi::Object options = options_of(info);
    const auto bytes = bytes_of(options);
    expect_inside(info.Env(), mapping(info.Env()).read(get_u64(options, "offset"), bytes.Data(), bytes.Length()));
    return info.Env().Undefined();
  }

  Napi::Value write(const Napi::CallbackInfo& info) {
    const Napi::Object options = options_of(info);
    const auto bytes = bytes_of(options);
    expect_inside(info.Env(), mapping(info.Env()).write(get_u64(options, "offset"), bytes.Data(), bytes.Length()));
    return info.Env().Undefined();
  }

  Napi::Value load(const Napi::CallbackInfo& info) {
    const Napi::Object options = options_of(info);
    std::uint64_t value = 0;
    const auto width = static_cast<unsigned>(get_int(options, "width"));
    expect_inside(info.Env(), mapping(info.Env()).load(get_u64(options, "offset"), width, value));
    return Napi::BigInt::New(info.Env(), value);
  }

  Napi::Value store(const Napi::CallbackInfo& info) {
    const Napi::Object options = options_of(info);
    const auto width = static_cast<unsigned>(get_int(options, "width"));
    expect_inside(info.Env(), mapping(info.Env()).store(get_u64(options, "offset"), width, get_u64(options, "value")));
    return info.Env().Undefined();
  }

  void close(const Napi::CallbackInfo&) { mapping_.reset(); }

  std::unique_ptr<SharedMapping> mapping_;
};

Napi::Value inspect_memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  MemoryFile file;
  const KernelResult result = inspect_memory_file(get_int(options_of(info), "fd"), file);
  if (!result.ok()) throw kernel_error(env, result.call, result.error);
  Napi::Object facts = Napi::Object::New(env);
  facts.Set("sizeBytes", Napi::BigInt::New(env, file.size_bytes));
  facts.Set("seals", Napi::Number::New(env, file.seals));
  facts.Set("isPageCache", Napi::Boolean::New(env, file.is_page_cache));
  return facts;
}

Napi::Value make_memory(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  return number_or_throw(info.Env(), make_sealed_memory(get_string(options, "name").c_str(), get_u64(options, "sizeBytes")));
}

}  // namespace

void export_shared_mappings(Napi::Env env, Napi::Object exports) {
  exports.Set("SharedMapping", MappingHandle::define(env));
  exports.Set("inspectMemory", Napi::Function::New(env, inspect_memory));
  exports.Set("makeSealedMemory", Napi::Function::New(env, make_memory));
}

}  // namespace bulkhead
