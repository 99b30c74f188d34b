# dispatchctl::mock_server, the mock server for a test of one's own, in programs that link dispatchctl::client;
# dispatchctl::mock_server_static for those that link dispatchctl::client_static.
include("${CMAKE_CURRENT_LIST_DIR}/dispatchctl-protos.cmake")
find_dependency(fmt)
include("${CMAKE_CURRENT_LIST_DIR}/dispatchctl-mock_server-targets.cmake")
