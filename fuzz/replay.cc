// SPDX-License-Identifier: MIT
// The main program of a target without libFuzzer: runs each file of the folders, in the order of
// their names. usage: replay_NAME FOLDER_OR_FILE...
#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "target.h"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    if (fs::is_directory(argv[i]))
      std::copy(fs::directory_iterator(argv[i]), fs::directory_iterator(),
                std::back_inserter(files));
    else
      files.emplace_back(argv[i]);
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    // Said before, so that the last line names the file of a crash.
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    std::ifstream in(file, std::ios::binary);
    const std::string input((std::istreambuf_iterator<char>(in)), {});
    if (!in.good() && !in.eof()) {
      std::fprintf(stderr, "cannot be read: %s\n", file.c_str());
      return 1;
    }
    // In memory of its own, so that a sanitizer sees a step beyond its end.
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    try {
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "threw: %s\n", error.what());
      return 1;
    }
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
