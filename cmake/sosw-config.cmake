# SPDX-License-Identifier: MIT
# What find_package(sosw) reads: the target sosw::sosw, the SDK for workers.
include(CMakeFindDependencyMacro)
find_dependency(Boost 1.81 COMPONENTS json)
find_dependency(CURL 7.88)
find_dependency(OpenSSL 3)
find_dependency(fmt 9)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/sosw-targets.cmake)
