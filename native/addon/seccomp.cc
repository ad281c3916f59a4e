// Seccomp filters of other processes.
#include "glue.h"
#include "seccomp_filters.h"

namespace bulkhead {
namespace {

Napi::Value read_filters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info);
  const FilterReading reading = read_seccomp_filters(get_int(options, "pid"), get_int(options, "deadlineMs"));
  if (!reading.result.ok()) throw kernel_error(env, reading.result.call, reading.result.error);
  Napi::Array threads = Napi::Array::New(env, reading.threads.size());
  for (std::uint32_t index = 0; index < reading.threads.size(); ++index) {
    const ThreadFilters& read = reading.threads[index];
    Napi::Array filters = Napi::Array::New(env, read.filters.size());
    for (std::uint32_t place = 0; place < read.filters.size(); ++place) {
      const std::string& filter = read.filters[place];
      filters.Set(place, Napi::Buffer<char>::Copy(env, filter.data(), filter.size()));
    }
    Napi::Object thread = Napi::Object::New(env);
    thread.Set("tid", read.tid);
    thread.Set("filters", filters);
    thread.Set("error", read.error);
    threads.Set(index, thread);
  }
  return threads;
}

}  // namespace

void export_seccomp(Napi::Env env, Napi::Object exports) {
  exports.Set("readSeccompFilters", Napi::Function::New(env, read_filters));
}

}  // namespace bulkhead
