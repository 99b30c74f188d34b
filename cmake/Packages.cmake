# The Debian packages that cpack makes. scripts/package builds them from a tree configured for /usr, which is what
# gives them Debian's paths.

set(library_package "libdispatchctl${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
set(debian_revision 1)
set(full_version "${PROJECT_VERSION}-${debian_revision}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME dispatchctl)
set(CPACK_PACKAGE_VENDOR dispatchctl)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL dispatchctl dispatch-mock library development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${debian_revision})
set(DISPATCHCTL_PACKAGE_MAINTAINER "dispatchctl maintainers <maintainers@dispatchctl.invalid>" CACHE STRING
  "Who the Debian packages name as their maintainer: NAME <ADDRESS>")
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${DISPATCHCTL_PACKAGE_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# The dependencies come from what the files are linked with, and from the shared library's own packaging.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}/sdk" "${PROJECT_BINARY_DIR}/proto")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

set(CPACK_DEBIAN_DISPATCHCTL_PACKAGE_NAME dispatchctl)
set(CPACK_DEBIAN_DISPATCHCTL_PACKAGE_SECTION net)
set(CPACK_DEBIAN_DISPATCHCTL_PACKAGE_SUGGESTS dispatch-mock)
set(CPACK_DEBIAN_DISPATCHCTL_DESCRIPTION
"command line of the gRPC Dispatch service
dispatchctl looks couriers up and has assignments decided by a Dispatch
service: many ids or an endless stream of assignments at a time, as tables,
JSON, NDJSON or CSV, over several servers, with retries, hedging and streams
that resume.")

set(CPACK_DEBIAN_DISPATCH-MOCK_PACKAGE_NAME dispatch-mock)
set(CPACK_DEBIAN_DISPATCH-MOCK_PACKAGE_SECTION net)
set(CPACK_DEBIAN_DISPATCH-MOCK_DESCRIPTION
"mock server of the gRPC Dispatch service
dispatch-mock answers the calls of the Dispatch service for tests and
demonstrations: on any number of ports, with faults and scenarios that make
things go wrong as told, and a record of what it has seen.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION
"C++ client library of the gRPC Dispatch service
libdispatchctl makes calls that survive: deadlines, retries within a budget,
a circuit breaker for each server, hedging, load balancing, and streams that
resume.
.
This package has the shared library.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libdispatchctl-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "${library_package} (= ${full_version}), libabsl-dev, libgrpc++-dev, libprotobuf-dev, libssl-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "libgmock-dev, libfmt-dev")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
"C++ client library of the gRPC Dispatch service - development files
libdispatchctl makes calls that survive: deadlines, retries within a budget,
a circuit breaker for each server, hedging, load balancing, and streams that
resume.
.
This package has the headers, the archives, the GoogleMock doubles (which
want libgmock-dev) and the mock server as a library (which wants
libfmt-dev).")

# What Debian's policy asks for in /usr/share/doc and of manual pages is added to what was installed.
configure_file(cmake/package/changelog.Debian.in changelog.Debian.in @ONLY)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/package/debian_documents.cmake")
set(CPACK_POST_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/package/debian_triggers.cmake")
set(CPACK_PROJECT_CONFIG_FILE "${PROJECT_BINARY_DIR}/CPackDocuments.cmake")
file(WRITE "${PROJECT_BINARY_DIR}/CPackDocuments.cmake"
"set(DISPATCHCTL_DOCUMENTS
  dispatchctl=dispatchctl dispatch-mock=dispatch-mock library=${library_package} development=libdispatchctl-dev)
# Each package has a synopsis of its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY \"\")
set(DISPATCHCTL_SOURCE \"${PROJECT_SOURCE_DIR}\")
set(DISPATCHCTL_CHANGELOG \"${PROJECT_BINARY_DIR}/changelog.Debian.in\")
")
include(CPack)
