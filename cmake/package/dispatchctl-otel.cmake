# dispatchctl::otel, the observer that speaks OpenTelemetry's API, for use with dispatchctl::client.
include("${CMAKE_CURRENT_LIST_DIR}/dispatchctl-client.cmake")
find_dependency(opentelemetry-cpp CONFIG)
include("${CMAKE_CURRENT_LIST_DIR}/dispatchctl-otel-targets.cmake")
