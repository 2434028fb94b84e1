# SPDX-License-Identifier: MIT
# What find_package(sosw) reads: the target sosw::sosw, the SDK for workers. With COMPONENTS engine also sosw::engine, the
# whole engine for a program that embeds it.
include(CMakeFindDependencyMacro)
find_dependency(Boost 1.81 COMPONENTS json)
find_dependency(CURL 7.88)
find_dependency(OpenSSL 3)
find_dependency(fmt 9)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/sosw-targets.cmake)
if("engine" IN_LIST sosw_FIND_COMPONENTS)
  find_dependency(SQLite3 3.40)
  find_dependency(date 3)
  find_dependency(spdlog 1.10)
  include(${CMAKE_CURRENT_LIST_DIR}/sosw-engine-targets.cmake)
  set(sosw_engine_FOUND TRUE)
endif()
