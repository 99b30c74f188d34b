# The libraries the project stands on, as targets:
#   dispatchctl_grpc         gRPC, protobuf, abseil and what they need, linked as DISPATCHCTL_GRPC_LINKAGE says
#   dispatchctl_grpc_shared  the same as the shared libraries that the shared client library links

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)  # header-only use
pkg_check_modules(XXHASH REQUIRED libxxhash>=0.8)  # header-only use
pkg_check_modules(GRPCPP REQUIRED "grpc++>=1.51")
pkg_check_modules(PROTOBUF REQUIRED IMPORTED_TARGET protobuf)
find_program(PROTOC_PROGRAM protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN_PROGRAM grpc_cpp_plugin REQUIRED)

# Debian's CMake packages name the shared objects only; the archives' list comes from pkg-config,
# as each library's real order and private dependencies stand there.
function(dispatchctl_collect_archives out_files out_system)
  execute_process(
    COMMAND "${PKG_CONFIG_EXECUTABLE}" --static --libs-only-l ${ARGN}
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags)
  set(archives "")
  set(system "")
  foreach(flag IN LISTS flags)
    if(NOT flag MATCHES "^-l(.+)$")
      continue()
    endif()
    set(name "${CMAKE_MATCH_1}")
    if(name MATCHES "^(dl|rt|pthread|m|c|atomic)$")
      list(APPEND system "${name}")
      continue()
    endif()
    find_library(archive_${name} NAMES "lib${name}.a" REQUIRED)
    mark_as_advanced(archive_${name})
    list(APPEND archives "${archive_${name}}")
  endforeach()
  list(REMOVE_DUPLICATES archives)
  list(REMOVE_DUPLICATES system)
  set(${out_files} "${archives}" PARENT_SCOPE)
  set(${out_system} "${system}" PARENT_SCOPE)
endfunction()

add_library(dispatchctl_grpc INTERFACE)
add_library(dispatchctl_grpc_reflection INTERFACE)
if(DISPATCHCTL_INSTALL OR DISPATCHCTL_GRPC_LINKAGE STREQUAL "shared")
  find_package(OpenSSL REQUIRED)  # statically it comes with gRPC
  pkg_check_modules(ABSL REQUIRED absl_status absl_statusor absl_strings absl_synchronization absl_flat_hash_map absl_time)
  add_library(dispatchctl_grpc_shared INTERFACE)
  target_link_libraries(dispatchctl_grpc_shared INTERFACE
    ${GRPCPP_LINK_LIBRARIES} gpr ${PROTOBUF_LINK_LIBRARIES} ${ABSL_LINK_LIBRARIES} cares OpenSSL::SSL
    Threads::Threads)
endif()
if(DISPATCHCTL_GRPC_LINKAGE STREQUAL "static")
  dispatchctl_collect_archives(archives system_libraries grpc++ protobuf)
  find_library(GRPCPP_REFLECTION_ARCHIVE NAMES libgrpc++_reflection.a REQUIRED)
  target_link_libraries(dispatchctl_grpc INTERFACE
    -Wl,--start-group ${archives} -Wl,--end-group ${system_libraries} Threads::Threads)
  target_link_libraries(dispatchctl_grpc_reflection INTERFACE
    -Wl,--whole-archive "${GRPCPP_REFLECTION_ARCHIVE}" -Wl,--no-whole-archive dispatchctl_grpc)
elseif(DISPATCHCTL_GRPC_LINKAGE STREQUAL "shared")
  find_library(GRPCPP_REFLECTION_LIBRARY NAMES grpc++_reflection REQUIRED)
  target_link_libraries(dispatchctl_grpc INTERFACE dispatchctl_grpc_shared)
  target_link_libraries(dispatchctl_grpc_reflection INTERFACE
    "${GRPCPP_REFLECTION_LIBRARY}" dispatchctl_grpc)
else()
  message(FATAL_ERROR "DISPATCHCTL_GRPC_LINKAGE is '${DISPATCHCTL_GRPC_LINKAGE}': use static or shared")
endif()
