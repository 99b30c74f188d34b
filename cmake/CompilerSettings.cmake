# Warnings, sanitizers, compiler cache and linker, for our own code only.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Precompiled headers hide their own inclusion from ccache unless it is told to look past it. Paths are taken
  # relative to the checkout, so that another one (a clean clone, a work tree) finds the same objects.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
    "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" "CCACHE_NOHASHDIR=1"
    "${CCACHE_PROGRAM}")
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)

if(DISPATCHCTL_SANITIZER STREQUAL "asan")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(DISPATCHCTL_SANITIZER STREQUAL "tsan")
  # GCC warns that its thread sanitizer does not model fences; our code uses none.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -Wno-error=tsan)
  add_link_options(-fsanitize=thread)
elseif(DISPATCHCTL_SANITIZER STREQUAL "fuzz")
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "DISPATCHCTL_SANITIZER is fuzz, which needs clang: scripts/setup --fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(DISPATCHCTL_SANITIZER)
  message(FATAL_ERROR "DISPATCHCTL_SANITIZER is '${DISPATCHCTL_SANITIZER}': use asan, tsan, fuzz or nothing")
endif()

add_library(dispatchctl_warnings INTERFACE)
target_compile_options(dispatchctl_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(dispatchctl_warnings INTERFACE
    # Both fire inside the standard library's own inlined code with GCC 12 (GCC bugs 105329 and 105562).
    -Wno-restrict -Wno-maybe-uninitialized)
endif()

# What most files of a target include, compiled once: the standard library's heaviest headers and those given, or REUSE_FROM a
# target that has them.
function(dispatchctl_precompile_headers target)
  if(NOT DISPATCHCTL_PRECOMPILE_HEADERS)
    return()
  endif()
  if(ARGV1 STREQUAL "REUSE_FROM")
    target_precompile_headers(${target} ${ARGN})
  else()
    target_precompile_headers(${target} PRIVATE <chrono> <functional> <map> <memory> <optional> <string> <vector> ${ARGN})
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With precompiled headers GCC 12 warns of the standard library's own inlined strings (GCC bug 105329).
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()
