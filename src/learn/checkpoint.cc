#include "learn/checkpoint.h"

#include <bit>
#include <charconv>

#include "base/error.h"
#include "learn/safetensors.h"

namespace dunlin {

namespace {

constexpr const char* kVersion = "dunlin-checkpoint-1";
constexpr std::string_view kWeight = "weight/", kMoment = "optimizer/", kState = "state/";

// One list of the numbers for both directions. Doubles are written as shortest decimal, which reads back
// exactly.
template <typename C, typename F>
void for_each_number(C& c, F&& f) {
  f("step", c.step);
  f("epoch", c.epoch);
  f("position", c.position);
  f("seed", c.seed);
  f("samples", c.samples);
  f("batch", c.batch);
  f("learning_rate", c.learning_rate);
  f("epochs", c.epochs);
  f("max_steps", c.max_steps);
  f("loss_sum", c.loss_sum);
  f("loss_count", c.loss_count);
  f("last_loss", c.last_loss);
}

/// Of all tensors: a flipped bit in a weight would otherwise go unseen.
std::string digest(const SafeTensors& content) {
  Bytes all;
  for (const auto& [name, tensor] : content.tensors) {
    const Sha256 hash = sha256(tensor.plane(Plane::kPayload));
    all.insert(all.end(), hash.begin(), hash.end());
  }
  return to_hex(sha256(all));
}

const std::string& metadata_of(const SafeTensors& content, const char* key, const std::string& path) {
  const auto it = content.metadata.find(key);
  if (it == content.metadata.end())
    fail(ErrorCode::kCorrupt, "{}: not a training state: \"{}\" is missing", path, key);
  return it->second;
}

}  // namespace

void save_checkpoint(FileSystem& files, const std::string& path, const Checkpoint& c) {
  SafeTensors content;
  for (const auto& [name, t] : c.weights) content.tensors.emplace(std::string(kWeight) + name, t.view());
  for (const auto& [state, tensors] : c.moments)
    for (const auto& [name, t] : tensors)
      content.tensors.emplace(std::string(kMoment) + state + "/" + name, t.view());
  for (const auto& [name, t] : c.state) content.tensors.emplace(std::string(kState) + name, t.view());
  content.metadata = {{"format", kVersion}, {"optimizer", c.optimizer}, {"schedule", c.schedule},
                      {"data", c.data},     {"loss", c.loss},           {"sha256", digest(content)}};
  for_each_number(
      c, [&](const char* key, const auto& value) { content.metadata[key] = fmt::format("{}", value); });
  files.write_atomic(path, encode_safetensors(content));
}

Checkpoint load_checkpoint(FileSystem& files, const std::string& path) {
  SafeTensors content = decode_safetensors(files.read(path), path);
  if (metadata_of(content, "format", path) != kVersion)
    fail(ErrorCode::kUnsupported, "{}: training state of the form \"{}\", \"{}\" is expected", path,
         content.metadata["format"], kVersion);
  Checkpoint c;
  c.optimizer = metadata_of(content, "optimizer", path);
  c.schedule = metadata_of(content, "schedule", path);
  c.data = metadata_of(content, "data", path);
  c.loss = metadata_of(content, "loss", path);
  if (metadata_of(content, "sha256", path) != digest(content))
    fail(ErrorCode::kCorrupt, "{}: damaged: its tensors do not have the digest that it names", path);
  for_each_number(c, [&](const char* key, auto& value) {
    const std::string& text = metadata_of(content, key, path);
    const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || p != text.data() + text.size())
      fail(ErrorCode::kCorrupt, "{}: \"{}\" is \"{}\", a number is expected", path, key, text);
  });
  for (auto& [key, tensor] : content.tensors) {
    if (key.starts_with(kWeight)) {
      c.weights.emplace(key.substr(kWeight.size()), std::move(tensor));
    } else if (key.starts_with(kState)) {
      c.state.emplace(key.substr(kState.size()), std::move(tensor));
    } else if (const size_t slash = key.find('/', kMoment.size());
               key.starts_with(kMoment) && slash != std::string::npos) {
      c.moments[key.substr(kMoment.size(), slash - kMoment.size())].emplace(key.substr(slash + 1),
                                                                            std::move(tensor));
    } else {
      fail(ErrorCode::kCorrupt, "{}: an unknown tensor \"{}\"", path, key);
    }
  }
  return c;
}

}  // namespace dunlin
