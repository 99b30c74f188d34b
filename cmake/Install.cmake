# What `cmake --install` gives. Components are named after the Debian package they go into; each CMake component of
# find_package(dispatchctl) is a file of its own, so that others can be added without touching these.

include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/dispatchctl")

# A program that has the contract both from the shared library and from the archive registers it twice, which aborts
# it: CMake refuses to make one.
foreach(linkage IN ITEMS shared archive)
  foreach(target IN ITEMS dispatchctl_client_${linkage} dispatchctl_protos_${linkage})
    set_property(TARGET ${target} PROPERTY INTERFACE_DISPATCHCTL_LINKAGE ${linkage})
    set_property(TARGET ${target} APPEND PROPERTY COMPATIBLE_INTERFACE_STRING DISPATCHCTL_LINKAGE)
  endforeach()
endforeach()

function(dispatchctl_install_component component)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "TARGETS;EXPORT_NAMES")
  foreach(target export_name IN ZIP_LISTS arg_TARGETS arg_EXPORT_NAMES)
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name})
  endforeach()
  if(arg_TARGETS)
    install(TARGETS ${arg_TARGETS} EXPORT dispatchctl-${component}
      LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library NAMELINK_COMPONENT development
      ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
    install(EXPORT dispatchctl-${component} NAMESPACE dispatchctl:: DESTINATION "${package_dir}"
      FILE dispatchctl-${component}-targets.cmake COMPONENT development)
  endif()
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/package/dispatchctl-${component}.cmake"
    DESTINATION "${package_dir}" COMPONENT development)
endfunction()

dispatchctl_install_component(client TARGETS dispatchctl_client_shared EXPORT_NAMES client)
dispatchctl_install_component(client_static TARGETS dispatchctl_client_archive EXPORT_NAMES client_static)
dispatchctl_install_component(protos
  TARGETS dispatchctl_protos_shared dispatchctl_protos_archive EXPORT_NAMES protos protos_static)
dispatchctl_install_component(mock_server
  TARGETS dispatchctl_mock_archive dispatchctl_mock_with_shared dispatchctl_mock_with_archive
  EXPORT_NAMES mock_server_archive mock_server mock_server_static)
dispatchctl_install_component(mocks)

# In no Debian package: those would ask for one of Debian's backports.
if(TARGET dispatchctl_otel_shared)
  set_target_properties(dispatchctl_otel_shared PROPERTIES EXPORT_NAME otel)
  install(TARGETS dispatchctl_otel_shared EXPORT dispatchctl-otel
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT otel)
  install(EXPORT dispatchctl-otel NAMESPACE dispatchctl:: DESTINATION "${package_dir}"
    FILE dispatchctl-otel-targets.cmake COMPONENT otel)
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/package/dispatchctl-otel.cmake"
    DESTINATION "${package_dir}" COMPONENT otel)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/sdk/otel/include/"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT otel FILES_MATCHING PATTERN "*.h")
endif()

configure_package_config_file(cmake/package/dispatchctlConfig.cmake.in dispatchctlConfig.cmake
  INSTALL_DESTINATION "${package_dir}" PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
# Before 1.0 a minor version may break what was there.
write_basic_package_version_file(dispatchctlConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/dispatchctlConfig.cmake" "${PROJECT_BINARY_DIR}/dispatchctlConfigVersion.cmake"
  DESTINATION "${package_dir}" COMPONENT development)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/sdk/include/" "${PROJECT_BINARY_DIR}/sdk/include/"
  "${PROJECT_SOURCE_DIR}/mock-server/include/"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development FILES_MATCHING PATTERN "*.h")
install(DIRECTORY "${PROJECT_BINARY_DIR}/proto/generated/dispatchpb"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_SOURCE_DIR}/proto/dispatchpb/dispatch.proto"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/dispatchctl/proto/dispatchpb" COMPONENT development)

# pkg-config's files find the prefix from where they lie.
file(RELATIVE_PATH pkgconfig_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
foreach(module IN ITEMS dispatchctl dispatchctl-protos dispatchctl-mocks dispatchctl-mock-server)
  configure_file(cmake/package/${module}.pc.in ${module}.pc @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${module}.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
endforeach()

file(GLOB pages "${PROJECT_SOURCE_DIR}/man/*.[1-9]")
foreach(page IN LISTS pages)
  get_filename_component(section "${page}" LAST_EXT)
  string(SUBSTRING "${section}" 1 1 section)
  if(section EQUAL 3)
    set(component development)
  elseif(page MATCHES "/dispatch-mock[^/]*$")
    set(component dispatch-mock)
  else()
    set(component dispatchctl)
  endif()
  install(FILES "${page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}" COMPONENT ${component})
endforeach()
