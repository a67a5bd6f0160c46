# The Debian package, by CPack: `./dev package` builds it (deploy/README.md).
set(CASTLE_MAINTAINER "The Castle authors <castle@castle.invalid>" CACHE STRING "who answers for the package: Name <address>")
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} log -1 --format=%cD
                OUTPUT_VARIABLE CASTLE_COMMIT_DATE OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT CASTLE_COMMIT_DATE)
  set(CASTLE_COMMIT_DATE "Thu, 01 Jan 2026 00:00:00 +0000")
endif()

set(PACKAGE_DIR ${CMAKE_BINARY_DIR}/package)
configure_file(deploy/deb/changelog.in ${PACKAGE_DIR}/changelog @ONLY)
foreach(file ${PACKAGE_DIR}/changelog docs/castle.1 CHANGELOG.md)
  cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
  cmake_path(GET file FILENAME name)
  add_custom_command(OUTPUT ${PACKAGE_DIR}/${name}.gz DEPENDS ${file}
                     COMMAND gzip -9nc ${file} > ${PACKAGE_DIR}/${name}.gz)
  list(APPEND PACKAGE_FILES ${PACKAGE_DIR}/${name}.gz)
endforeach()
add_custom_target(package_files DEPENDS castle ${PACKAGE_FILES})

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # tests and benches are not in it
install(TARGETS castle DESTINATION bin)
install(FILES ${PACKAGE_DIR}/castle.1.gz DESTINATION share/man/man1)
install(FILES deploy/bash-completion/castle DESTINATION share/bash-completion/completions)
install(FILES docs/OPERATIONS.md docs/API.md docs/MATCHING.md docs/DURABILITY.md deploy/deb/copyright ${PACKAGE_DIR}/changelog.gz
              ${PACKAGE_DIR}/CHANGELOG.md.gz DESTINATION share/doc/castle)
install(FILES deploy/systemd/castle.service DESTINATION /lib/systemd/system)
install(FILES deploy/castle.conf DESTINATION /etc/castle)
install(FILES deploy/deb/lintian-overrides DESTINATION share/lintian/overrides RENAME castle)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_NAME castle)
set(CPACK_PACKAGE_CONTACT "${CASTLE_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "exchange that speaks the Binance Spot API")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Castle takes signed orders over HTTP and WebSocket, matches them by price and
time, keeps every balance exact to 1e-8, and writes everything to a local
journal before it answers. Clients that know the Binance Spot API know it.
.
The service castle serves clients on 127.0.0.1:8080, and its operator on
127.0.0.1:8081, until /etc/castle/castle.conf says otherwise.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, xz-utils") # the latter for castle replay
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(file conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/deploy/deb/${file})
endforeach()
include(CPack)
