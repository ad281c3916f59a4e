// Between JavaScript values and the core. JavaScript has validated and defaulted everything; here only shapes are checked.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "call_gate.h"
#include "kernel_result.h"
#include "session.h"

namespace bulkhead {

Napi::Error kernel_error(Napi::Env env, const char* call, int error);

// Member `name` of a named-options object, or a TypeError.
std::string get_string(const Napi::Object& options, const char* name);
double get_number(const Napi::Object& options, const char* name);
int get_int(const Napi::Object& options, const char* name);
bool get_bool(const Napi::Object& options, const char* name);
std::uint64_t get_u64(const Napi::Object& options, const char* name);  // A BigInt.
Napi::Array get_array(const Napi::Object& options, const char* name);
std::vector<std::string> get_strings(const Napi::Object& options, const char* name);
Napi::Object options_of(const Napi::CallbackInfo& info);

// The value of a successful result; throws the kernel's answer otherwise.
Napi::Value number_or_throw(Napi::Env env, const KernelResult& result);

// Member `session`: what openSession returned and nobody has closed.
std::shared_ptr<Session> session_of(const Napi::Object& options);

// Member `gate`: a CallGate that nobody has closed; empty when it is null.
std::shared_ptr<CallGate> gate_of(const Napi::Object& options);

void export_call_gate(Napi::Env env, Napi::Object exports);
void export_fd_messages(Napi::Env env, Napi::Object exports);
void export_files(Napi::Env env, Napi::Object exports);
void export_host(Napi::Env env, Napi::Object exports);
void export_mounts(Napi::Env env, Napi::Object exports);
void export_observation(Napi::Env env, Napi::Object exports);
void export_processes(Napi::Env env, Napi::Object exports);
void export_session(Napi::Env env, Napi::Object exports);
void export_seccomp(Napi::Env env, Napi::Object exports);
void export_shared_mappings(Napi::Env env, Napi::Object exports);
void export_sockets(Napi::Env env, Napi::Object exports);
void export_spawn(Napi::Env env, Napi::Object exports);

}  // namespace bulkhead
