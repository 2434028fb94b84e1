// SPDX-License-Identifier: MIT
// `bootstrap` of a bundled worker: starts lib/bootstrap by the loader and the libraries that lie
// beside it, wherever the zip was unpacked. Linked statically and without any of C++'s library: it
// runs before there is one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  char folder[4096] = ".";
  const char* root = getenv("LAMBDA_TASK_ROOT");
  const char* slash = strrchr(argv[0], '/');
  if (slash != nullptr)
    snprintf(folder, sizeof folder, "%.*s", static_cast<int>(slash - argv[0]), argv[0]);
  else if (root != nullptr)
    snprintf(folder, sizeof folder, "%s", root);
  char loader[4200], libraries[4200], program[4200];
  snprintf(loader, sizeof loader, "%s/lib/loader", folder);
  snprintf(libraries, sizeof libraries, "%s/lib", folder);
  snprintf(program, sizeof program, "%s/lib/bootstrap", folder);

  // loader --library-path LIBRARIES PROGRAM ARGUMENT...
  char path_option[] = "--library-path";
  char** arguments = static_cast<char**>(calloc(static_cast<size_t>(argc) + 4, sizeof(char*)));
  if (arguments == nullptr) return 1;
  arguments[0] = loader;
  arguments[1] = path_option;
  arguments[2] = libraries;
  arguments[3] = program;
  for (int i = 1; i < argc; ++i) arguments[3 + i] = argv[i];
  execv(loader, arguments);
  perror(loader);
  return 127;
}
