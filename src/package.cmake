# The Debian package: `cpack -G DEB` in a release build (cmake -DBC_TESTS=OFF). docs/packaging.md tells what is in it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bgpcommander)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The bgpcommander developers <developers@bgpcommander.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
  WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/src/package_files.cmake)
set(CPACK_BC_SOURCE ${CMAKE_SOURCE_DIR})
set(CPACK_BC_BINARY ${CMAKE_BINARY_DIR})

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# systemd: its sysusers and tmpfiles make the user and the directories.
set(CPACK_DEBIAN_PACKAGE_DEPENDS systemd)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS exabgp)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS etcd-server)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "health checks and policies that decide what ExaBGP announces")
set(CPACK_PACKAGE_DESCRIPTION
"bgpcommander is started by ExaBGP as an API process. It reads routes, health
checks and policies from etcd or from a directory, runs the checks, which are
sandboxed Lua scripts or programs, and announces or withdraws each route by
what they say. An HTTP API gives outside programs the same, validated.")
set(debian ${CMAKE_BINARY_DIR}/install/debian)
configure_file(src/install/debian/postinst.in ${debian}/postinst @ONLY
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
configure_file(src/install/debian/postrm.in ${debian}/postrm @ONLY
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/postinst ${debian}/postrm
  ${CMAKE_SOURCE_DIR}/src/install/debian/conffiles)
include(CPack)
