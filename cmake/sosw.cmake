# SPDX-License-Identifier: MIT
# What every folder's CMakeLists.txt is written in: sosw_library(), sosw_test().

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# All the programs in one folder, so that they find each other and a person finds them.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(SOSW_CCACHE ccache)
if(SOSW_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SOSW_CCACHE})
endif()

find_package(Boost 1.81 REQUIRED COMPONENTS context json)
find_package(fmt 9 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(Threads REQUIRED)
find_package(pugixml 1.13 REQUIRED)
include(${CMAKE_CURRENT_LIST_DIR}/sosw-libraries.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/sosw_package_lambda.cmake)

add_library(sosw_options INTERFACE)
if(SOSW_DEVELOPER_MODE)
  target_compile_options(sosw_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror
    -Wno-missing-field-initializers)  # designated initializers leave out what has its default
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # False alarms of g++ 12 inside its own standard library once sanitizers or -O2 inline it.
    target_compile_options(sosw_options INTERFACE -Wno-maybe-uninitialized -Wno-restrict
      -Wno-stringop-overflow -Wno-array-bounds -Wno-dangling-pointer)
  endif()
endif()
if(SOSW_SWITCHABLE_GUARDS)
  add_compile_definitions(SOSW_SWITCHABLE_GUARDS)
endif()
if(SOSW_SANITIZE)
  add_compile_options(-fsanitize=${SOSW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SOSW_SANITIZE})
  if(SOSW_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Asio has fences, which this sanitizer does not see; it says so for each of them.
    add_compile_options(-Wno-tsan)
  endif()
endif()

# sosw_library(NAME SOURCES a.cc ... DEPENDS x ...): one static library for a folder of src/.
function(sosw_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:sosw_options> PUBLIC ${arg_DEPENDS})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# sosw_test(NAME SOURCES a_test.cc ... DEPENDS x ... [LABELS unit] [COVERAGE]): one GoogleTest program, one ctest entry for
# each test. The label `unit` (the default) and `conformance` are what the sanitizer builds run in CI; `e2e` is for real
# processes. COVERAGE: `./dev coverage` asks this program what it takes of src/core and src/engine.
function(sosw_test name)
  if(NOT SOSW_DEVELOPER_MODE)
    return()
  endif()
  cmake_parse_arguments(arg "COVERAGE" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:sosw_options> ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  if(arg_COVERAGE)
    sosw_covers(${name})
  endif()
  if("unit" IN_LIST arg_LABELS OR "conformance" IN_LIST arg_LABELS)
    sosw_sanitized(${name})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
endfunction()

# sosw_sanitized(TARGET): a test with the label `unit` or `conformance` runs it, so CI's sanitizer build needs it, and not much else.
function(sosw_sanitized name)
  add_dependencies(sanitized_tests ${name})
endfunction()

# sosw_covers(PROGRAM ARGUMENT...): `./dev coverage` runs that and looks what it takes of src/core and src/engine.
function(sosw_covers name)
  add_dependencies(coverage_tests ${name})
  string(JOIN " " command ${name} ${ARGN})
  set_property(GLOBAL APPEND_STRING PROPERTY SOSW_COVERAGE_COMMANDS "${command}\n")
endfunction()

if(SOSW_DEVELOPER_MODE)
  add_custom_target(coverage_tests)
  add_custom_target(sanitized_tests)
  find_package(GTest 1.12 REQUIRED)
  include(GoogleTest)
  enable_testing()
endif()
