// What the benchmarks use of ONNX Runtime's C API, declared here because its npm package has the library and
// no header. The API is one table of functions that only ever grows at its end, so a place in it is a
// contract: kRun is the tenth entry in every version from 1.0 on.
#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace dunlin::ort {

struct Status;
struct Env;
struct Options;
struct MemoryInfo;
struct Value;
struct NativeSession;

struct ApiBase {
  void* const* (*get_api)(uint32_t version);
  const char* (*version)();
};

/// Place in the table, and type, of each function used.
template <size_t kIndex, typename Signature>
struct Entry;
template <size_t kIndex, typename R, typename... Args>
struct Entry<kIndex, R(Args...)> {
  static R call(void* const* table, Args... args) {
    return reinterpret_cast<R (*)(Args...)>(table[kIndex])(args...);
  }
};
using GetErrorMessage = Entry<2, const char*(const Status*)>;
using CreateEnv = Entry<3, Status*(int log_level, const char* log_id, Env**)>;
using CreateSession = Entry<7, Status*(const Env*, const char* path, const Options*, NativeSession**)>;
using Run = Entry<9, Status*(NativeSession*, const void* run_options, const char* const* input_names,
                             const Value* const* inputs, size_t num_inputs, const char* const* output_names,
                             size_t num_outputs, Value** outputs)>;
using CreateSessionOptions = Entry<10, Status*(Options**)>;
using SetGraphOptimizationLevel = Entry<23, Status*(Options*, int level)>;
using SetIntraOpNumThreads = Entry<24, Status*(Options*, int)>;
using CreateTensorWithData = Entry<49, Status*(const MemoryInfo*, void* data, size_t num_bytes,
                                               const int64_t* dims, size_t rank, int element_type, Value**)>;
using GetTensorData = Entry<51, Status*(Value*, void** data)>;
using CreateCpuMemoryInfo = Entry<69, Status*(int allocator_type, int memory_type, MemoryInfo**)>;
using ReleaseValue = Entry<96, void(Value*)>;

/// One model of one float input and one float output. The library's objects live as long as the process.
class Session {
 public:
  Session(const std::string& library, const std::string& model, int num_threads) {
    void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) fail(ErrorCode::kNotFound, "{}", dlerror());
    const auto base = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
    if (!base) fail(ErrorCode::kUnsupported, "{}: no OrtGetApiBase", library);
    version_ = base()->version();
    api_ = base()->get_api(1);
    if (!api_) fail(ErrorCode::kUnsupported, "{}: no API version 1", library);
    Env* env = nullptr;
    Options* options = nullptr;
    check(CreateEnv::call(api_, 3, "dunlin", &env));  // 3: errors only
    check(CreateSessionOptions::call(api_, &options));
    check(SetGraphOptimizationLevel::call(api_, options, 99));  // 99: all
    check(SetIntraOpNumThreads::call(api_, options, num_threads));
    check(CreateSession::call(api_, env, model.c_str(), options, &session_));
    check(CreateCpuMemoryInfo::call(api_, 0, 0, &memory_));
  }

  const std::string& version() const { return version_; }

  std::vector<float> run(const char* input_name, std::vector<float>& input, const std::vector<int64_t>& dims,
                         const char* output_name, size_t output_size) {
    Value *x = nullptr, *y = nullptr;
    check(CreateTensorWithData::call(api_, memory_, input.data(), input.size() * sizeof(float), dims.data(),
                                     dims.size(), 1, &x));  // 1: float
    check(Run::call(api_, session_, nullptr, &input_name, &x, 1, &output_name, 1, &y));
    void* data = nullptr;
    check(GetTensorData::call(api_, y, &data));
    const auto* begin = static_cast<const float*>(data);
    std::vector<float> out(begin, begin + output_size);
    ReleaseValue::call(api_, x);
    ReleaseValue::call(api_, y);
    return out;
  }

 private:
  void check(Status* status) const {
    if (status) fail(ErrorCode::kInternal, "ONNX Runtime: {}", GetErrorMessage::call(api_, status));
  }

  std::string version_;
  void* const* api_ = nullptr;
  NativeSession* session_ = nullptr;
  MemoryInfo* memory_ = nullptr;
};

}  // namespace dunlin::ort
