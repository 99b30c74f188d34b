# dispatchctl::protos and dispatchctl::protos_static: the contract's generated code.
find_dependency(Threads)
find_dependency(OpenSSL)
find_dependency(absl CONFIG)
find_dependency(gRPC CONFIG)
include("${CMAKE_CURRENT_LIST_DIR}/dispatchctl-protos-targets.cmake")
