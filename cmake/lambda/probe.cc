// SPDX-License-Identifier: MIT
// Can be linked where a worker can.
#include <curl/curl.h>
#include <openssl/evp.h>

#include <boost/json.hpp>

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_easy_cleanup(curl_easy_init());
  EVP_MD_free(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  return static_cast<int>(boost::json::parse("{}").as_object().size());
}
