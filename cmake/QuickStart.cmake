# dispatchctl_link_for_quick_start(TARGET): links a program for the shortest time from exec to main.
#
# Most of that time goes into pages: of the program's own, which is why what nothing refers to is left out, and of the
# tables that relocate it. Those shrink to a hundredth as DT_RELR, which takes glibc 2.36 to load and GNU ld to write
# (mold 1.10 leaves out the version that glibc asks for). The C++ runtime is the largest library left to load.
include(CheckCXXSourceCompiles)
include(CMakePushCheckState)

set(dispatchctl_quick_start_options -fuse-ld=bfd -Wl,-z,pack-relative-relocs -Wl,--gc-sections)
cmake_push_check_state(RESET)
set(CMAKE_REQUIRED_LINK_OPTIONS ${dispatchctl_quick_start_options})
check_cxx_source_compiles("int main() {}" DISPATCHCTL_LINKER_PACKS_RELOCATIONS)
cmake_pop_check_state()

function(dispatchctl_link_for_quick_start target)
  if(NOT DISPATCHCTL_GRPC_LINKAGE STREQUAL "static" OR DISPATCHCTL_SANITIZER)
    return()
  endif()
  target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  if(DISPATCHCTL_LINKER_PACKS_RELOCATIONS)
    target_link_options(${target} PRIVATE ${dispatchctl_quick_start_options})
  endif()
endfunction()
