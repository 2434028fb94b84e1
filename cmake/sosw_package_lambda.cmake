# SPDX-License-Identifier: MIT
# sosw_package_lambda(TARGET [STATIC | BUNDLED] [OUTPUT FILE.zip] [INCLUDE FILE...])
#
# Adds the target TARGET_lambda: a zip for the runtime `provided.al2023`, whatever glibc this machine has. TARGET is an
# executable that ends in sosw::run(); its objects are linked a second time, as `bootstrap`:
#   STATIC   into one file that needs nothing beside it: the smallest zip, the fastest start. Every library it links must have
#            an archive here. A program that calls dlopen() cannot be made so.
#   BUNDLED  beside it lie its shared libraries and the loader of this machine.
# Without either: STATIC where the libraries of sosw can be linked so, else BUNDLED; with sosw::engine BUNDLED. OUTPUT is
# TARGET.zip in the build folder by default. INCLUDE: more files, put beside `bootstrap`.
#
#   add_executable(word_count word_count.cc)
#   target_link_libraries(word_count PRIVATE sosw::sosw)
#   sosw_package_lambda(word_count)          # cmake --build build --target word_count_lambda
set(SOSW_LAMBDA_FOLDER ${CMAKE_CURRENT_LIST_DIR}/lambda)

function(sosw_package_lambda target)
  cmake_parse_arguments(arg "STATIC;BUNDLED" "OUTPUT" "INCLUDE" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "sosw_package_lambda(${target}): what is ${arg_UNPARSED_ARGUMENTS}? It knows STATIC, BUNDLED, OUTPUT and INCLUDE.")
  endif()
  if(arg_STATIC AND arg_BUNDLED)
    message(FATAL_ERROR "sosw_package_lambda(${target}): either STATIC or BUNDLED")
  endif()
  if(NOT arg_OUTPUT)
    set(arg_OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${target}.zip)
  endif()
  cmake_path(ABSOLUTE_PATH arg_OUTPUT BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  set(included)
  foreach(file ${arg_INCLUDE})
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND included ${file})
  endforeach()

  if(NOT arg_BUNDLED)
    get_target_property(linked ${target} LINK_LIBRARIES)
    if(linked MATCHES "sosw::engine")
      set(static FALSE)
      set(why "sosw::engine needs libraries that have no archives")
    else()
      sosw_links_static(static why)
    endif()
    if(arg_STATIC AND NOT static)
      message(FATAL_ERROR "sosw_package_lambda(${target} STATIC): ${why}")
    endif()
    if(NOT static)
      message(STATUS "sosw_package_lambda(${target}): bundled, for ${why}")
    endif()
  endif()

  # What is linked anew keeps the libraries and options of `target`.
  set(program ${target}_bootstrap)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}_lambda)
  add_executable(${program} EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${target}>)
  set_target_properties(${program} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME bootstrap
    RUNTIME_OUTPUT_DIRECTORY ${folder}/$<IF:$<BOOL:${static}>,.,program>)
  target_link_libraries(${program} PRIVATE $<TARGET_GENEX_EVAL:${target},$<TARGET_PROPERTY:${target},LINK_LIBRARIES>>)
  target_link_options(${program} PRIVATE $<TARGET_GENEX_EVAL:${target},$<TARGET_PROPERTY:${target},LINK_OPTIONS>> -s)

  if(static)
    set_target_properties(${program} PROPERTIES SOSW_STATIC TRUE)
    target_sources(${program} PRIVATE ${SOSW_LAMBDA_FOLDER}/static.cc)
    target_link_options(${program} PRIVATE -static)
    set(starts ${folder}/bootstrap)
    set(bundle)
  else()
    add_executable(${program}_starts EXCLUDE_FROM_ALL ${SOSW_LAMBDA_FOLDER}/start.cc)
    set_target_properties(${program}_starts PROPERTIES OUTPUT_NAME bootstrap RUNTIME_OUTPUT_DIRECTORY ${folder})
    target_link_options(${program}_starts PRIVATE -static -s)
    set(starts ${folder}/bootstrap ${folder}/lib)
    set(bundle COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:${program}> -D FOLDER=${folder}/lib
      -P ${SOSW_LAMBDA_FOLDER}/bundle.cmake)
    add_dependencies(${program} ${program}_starts)
  endif()

  # One time for all files, so that equal programs make equal zips.
  cmake_path(GET arg_OUTPUT PARENT_PATH output_folder)
  set(beside)
  foreach(file ${included})
    cmake_path(GET file FILENAME name)
    list(APPEND beside ${name})
  endforeach()
  set(copies)
  if(included)
    set(copies COMMAND ${CMAKE_COMMAND} -E copy ${included} ${folder})
  endif()
  add_custom_command(OUTPUT ${arg_OUTPUT}
    ${bundle}
    ${copies}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${output_folder}
    COMMAND ${CMAKE_COMMAND} -E chdir ${folder} ${CMAKE_COMMAND} -E tar cf ${arg_OUTPUT} --format=zip "--mtime=2020-01-01 00:00:00 UTC"
      bootstrap $<$<NOT:$<BOOL:${static}>>:lib> ${beside}
    DEPENDS ${program} ${included}
    COMMENT "Packaging ${target} for Lambda"
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(${target}_lambda DEPENDS ${arg_OUTPUT})
  set_target_properties(${target}_lambda PROPERTIES SOSW_ZIP ${arg_OUTPUT})
endfunction()

# Whether the libraries under sosw::sosw can be linked into one static file here; else `why` not.
function(sosw_links_static result why)
  if(NOT SOSW_STATIC_LIBRARIES)
    set(${result} FALSE PARENT_SCOPE)
    set(${why} "these archives are missing: ${SOSW_STATIC_MISSING}" PARENT_SCOPE)
    return()
  endif()
  if(NOT DEFINED SOSW_LINKS_STATIC)
    message(STATUS "sosw: linking a static program")
    try_compile(SOSW_LINKS_STATIC ${CMAKE_BINARY_DIR}/CMakeFiles/sosw_static
      SOURCES ${SOSW_LAMBDA_FOLDER}/probe.cc ${SOSW_LAMBDA_FOLDER}/static.cc
      LINK_OPTIONS -static
      LINK_LIBRARIES ${SOSW_STATIC_LIBRARIES}
      CXX_STANDARD 20 CXX_STANDARD_REQUIRED TRUE
      OUTPUT_VARIABLE output)
    set(SOSW_LINKS_STATIC ${SOSW_LINKS_STATIC} CACHE INTERNAL "")
    if(NOT SOSW_LINKS_STATIC)
      file(WRITE ${CMAKE_BINARY_DIR}/CMakeFiles/sosw_static.log "${output}")
    endif()
  endif()
  set(${result} ${SOSW_LINKS_STATIC} PARENT_SCOPE)
  set(${why} "the libraries of sosw cannot be linked statically (${CMAKE_BINARY_DIR}/CMakeFiles/sosw_static.log)" PARENT_SCOPE)
endfunction()
