# dispatchctl::mocks, GoogleMock doubles: headers only, for use with dispatchctl::client or dispatchctl::client_static.
find_dependency(GTest)
find_dependency(absl CONFIG)
if(NOT TARGET dispatchctl::mocks)
  add_library(dispatchctl::mocks INTERFACE IMPORTED)
  set_target_properties(dispatchctl::mocks PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_dispatchctl_include_dir}"
    INTERFACE_LINK_LIBRARIES "GTest::gmock;absl::status;absl::statusor")
endif()
