# dispatchctl::client, the shared library. Its headers need absl status, and nothing of gRPC.
find_dependency(absl CONFIG)
include("${CMAKE_CURRENT_LIST_DIR}/dispatchctl-client-targets.cmake")
