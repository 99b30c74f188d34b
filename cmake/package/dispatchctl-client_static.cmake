# dispatchctl::client_static, the archive. It carries no gRPC: the program that links it does.
include("${CMAKE_CURRENT_LIST_DIR}/dispatchctl-protos.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/dispatchctl-client_static-targets.cmake")
