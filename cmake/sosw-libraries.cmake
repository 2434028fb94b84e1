# SPDX-License-Identifier: MIT
# The libraries under sosw::sosw, each in two forms: shared for a program that stays on this machine, and as archives for one that
# is linked whole (its property SOSW_STATIC is true: sosw_package_lambda() sets it).
#   sosw::json sosw::curl sosw::crypto sosw::pugixml
# and, for the engine and where they were found before: sosw::fmt sosw::spdlog
include_guard(GLOBAL)

set(SOSW_STATIC_MISSING)

# The archives of `names` in the order of linking, or an empty list; notes those that are missing.
function(sosw_find_archives result)
  set(found)
  foreach(name ${ARGN})
    find_library(SOSW_ARCHIVE_${name} lib${name}.a)
    mark_as_advanced(SOSW_ARCHIVE_${name})
    if(SOSW_ARCHIVE_${name})
      list(APPEND found ${SOSW_ARCHIVE_${name}})
    else()
      list(APPEND SOSW_STATIC_MISSING lib${name}.a)
    endif()
  endforeach()
  set(SOSW_STATIC_MISSING ${SOSW_STATIC_MISSING} PARENT_SCOPE)
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# sosw_two_forms(NAME SHARED_TARGET ARCHIVE_NAME...)
macro(sosw_two_forms name shared)
  sosw_find_archives(archives ${ARGN})
  add_library(sosw::${name} INTERFACE IMPORTED GLOBAL)
  set_property(TARGET sosw::${name} PROPERTY INTERFACE_LINK_LIBRARIES
    "$<IF:$<BOOL:$<TARGET_PROPERTY:SOSW_STATIC>>,${archives},${shared}>")
  foreach(property INTERFACE_INCLUDE_DIRECTORIES INTERFACE_COMPILE_DEFINITIONS)
    set_property(TARGET sosw::${name} PROPERTY ${property} $<TARGET_PROPERTY:${shared},${property}>)
  endforeach()
  list(APPEND SOSW_STATIC_LIBRARIES ${archives})
endmacro()

set(SOSW_STATIC_LIBRARIES)
sosw_two_forms(json Boost::json boost_json boost_container)
sosw_two_forms(curl CURL::libcurl curl nghttp2 psl idn2 unistring ssl crypto zstd brotlidec brotlicommon z)
sosw_two_forms(crypto OpenSSL::Crypto crypto)
sosw_two_forms(pugixml pugixml::pugixml pugixml)
if(SOSW_STATIC_MISSING)
  set(SOSW_STATIC_LIBRARIES)
endif()

# Of these there are no archives. The target sosw_static_fmt compiles fmt itself; what uses spdlog is in no static program.
foreach(name fmt spdlog)
  if(TARGET ${name}::${name})
    sosw_two_forms(${name} ${name}::${name})
  endif()
endforeach()
if(TARGET sosw::fmt)
  set_property(TARGET sosw::fmt PROPERTY INTERFACE_LINK_LIBRARIES
    "$<IF:$<BOOL:$<TARGET_PROPERTY:SOSW_STATIC>>,sosw_static_fmt,fmt::fmt>")
endif()
