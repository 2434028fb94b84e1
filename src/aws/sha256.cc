// SPDX-License-Identifier: MIT
#include "aws/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <new>

namespace sosw::aws {

// The algorithm is fetched once: OpenSSL 3 is slow at finding it.
Sha256 sha256(std::string_view a, std::string_view b) {
  static EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  Sha256 digest{};
  if (!context || EVP_DigestInit_ex2(context.get(), kAlgorithm, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), a.data(), a.size()) != 1 ||
      EVP_DigestUpdate(context.get(), b.data(), b.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1)
    throw std::bad_alloc();  // SHA-256 has no other way to fail
  return digest;
}

Sha256 hmac_sha256(std::string_view key, std::string_view message) {
  constexpr std::size_t kBlock = 64;
  std::string inner(key.size() > kBlock ? bytes_of(sha256(key)) : key);
  inner.resize(kBlock);
  auto outer = inner;
  for (auto& byte : inner) byte = static_cast<char>(byte ^ 0x36);
  for (auto& byte : outer) byte = static_cast<char>(byte ^ 0x5c);
  return sha256(outer, bytes_of(sha256(inner, message)));
}

std::string hex(const Sha256& digest) {
  std::string text;
  text.reserve(2 * digest.size());
  for (const auto byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1,
                   '\0');  // EVP_EncodeBlock writes a zero at its end
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace sosw::aws
