# A shared library made of objects that are compiled already, which exports what its map names and nothing else.
# Its version is in its name as major.minor, and in its symbols by DISPATCHCTL_ABI.

function(dispatchctl_add_shared_library target name map)
  string(REPLACE "." "_" abi "v${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
  file(STRINGS "${PROJECT_SOURCE_DIR}/sdk/include/dispatchctl/export.h" declared REGEX "define DISPATCHCTL_ABI ")
  if(NOT declared STREQUAL "#define DISPATCHCTL_ABI ${abi}")
    message(FATAL_ERROR
      "sdk/include/dispatchctl/export.h: DISPATCHCTL_ABI must be ${abi} for version ${PROJECT_VERSION}, see docs/versioning.md")
  endif()
  configure_file("${map}.in" "${CMAKE_CURRENT_BINARY_DIR}/${map}" @ONLY)

  add_library(${target} SHARED ${ARGN})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name}
    LINKER_LANGUAGE CXX
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    LINK_DEPENDS "${CMAKE_CURRENT_BINARY_DIR}/${map}"
    # In a prefix of its own it finds its sister there; Debian's packages go without.
    INSTALL_RPATH "$ORIGIN")
  target_link_options(${target} PRIVATE
    "LINKER:--version-script=${CMAKE_CURRENT_BINARY_DIR}/${map}" LINKER:-z,defs LINKER:--as-needed)
endfunction()
