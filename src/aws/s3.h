// SPDX-License-Identifier: MIT
// Objects in buckets, as far as we need them.
//
//   aws::S3 s3;
//   const auto file = s3.get("my-bucket", "sosw/scheduler/tasks_queue.txt");
//   if (!file) return failure(file.error().text());
//   if (*file) read(**file);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/client.h"

namespace sosw::aws {

struct S3Entry {
  std::string key;
  std::int64_t size = 0;      // bytes
  std::string etag;           // in quotes, as S3 gives it
  std::string last_modified;  // ISO 8601, UTC
};

struct S3Object {
  std::string body;
  std::string etag;
  std::string last_modified;
};

// Not for use by two threads at once.
class S3 {
 public:
  explicit S3(ClientOptions options = {}) : client_("s3", std::move(options)) {}

  // Nothing: there is no such object. (No such bucket is an error.)
  Reply<std::optional<S3Object>> get(std::string_view bucket, std::string_view key);
  // The bytes from `first` on, up to `size` of them (1 or more), of the object with that ETag,
  // which has more than `first` bytes. Nothing: there is no such object, or it is another one by
  // now.
  Reply<std::optional<S3Object>> get_part(std::string_view bucket, std::string_view key,
                                          std::string_view etag, std::int64_t first,
                                          std::int64_t size);
  Reply<std::optional<S3Entry>> head(std::string_view bucket, std::string_view key);

  // Writes the object, over one that is there. Up to 5 GB, from memory.
  Done put(std::string_view bucket, std::string_view key, std::string bytes,
           std::string_view content_type = "application/octet-stream");
  // False: there is an object of that key, it stays as it is.
  Reply<bool> put_if_absent(std::string_view bucket, std::string_view key, std::string bytes);
  // False: there is nothing to copy. Up to 5 GB, inside of S3.
  Reply<bool> copy(std::string_view from_bucket, std::string_view from_key,
                   std::string_view to_bucket, std::string_view to_key);

  // It is no error if there is nothing.
  Done remove(std::string_view bucket, std::string_view key);
  // False: it is another object by now than the one of this ETag, or there is none; nothing was
  // done.
  Reply<bool> remove_if_same(std::string_view bucket, std::string_view key, std::string_view etag);
  // Any number of keys, 1,000 for each call. The error is that of the first key that stays; the
  // others are removed all the same.
  Done remove_all(std::string_view bucket, const std::vector<std::string>& keys);

  // All objects whose keys begin with `prefix`, in the order of their keys, all pages of them.
  Reply<std::vector<S3Entry>> list(std::string_view bucket, std::string_view prefix = "");

  // Does nothing if the bucket is the caller's already.
  Done create_bucket(std::string_view bucket);
  Done remove_bucket(std::string_view bucket);  // it must be empty

 private:
  Client client_;
};

}  // namespace sosw::aws
