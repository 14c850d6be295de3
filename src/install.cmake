# What `cmake --install` puts where. Afterwards, once: systemd-sysusers && systemd-tmpfiles --create.
include(GNUInstallDirs)
set(BC_RUN_USER exabgp CACHE STRING "The user that ExaBGP, and so the daemon, runs as")

configure_file(src/install/sysusers.conf.in install/sysusers.conf @ONLY)
configure_file(src/install/tmpfiles.conf.in install/tmpfiles.conf @ONLY)

install(TARGETS bgpcommander RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/man/bgpcommander.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES docs/man/bgpcommander.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES docs/man/bgpcommander-lua.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES ${CMAKE_BINARY_DIR}/install/sysusers.conf DESTINATION lib/sysusers.d RENAME bgpcommander.conf)
install(FILES ${CMAKE_BINARY_DIR}/install/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME bgpcommander.conf)
install(FILES src/install/bgpcommander-lint.service src/install/bgpcommander-lint.timer DESTINATION lib/systemd/system)
install(FILES src/install/exabgp.service.conf DESTINATION lib/systemd/system/exabgp.service.d RENAME bgpcommander.conf)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.json"
  PATTERN man EXCLUDE)
install(FILES src/install/bgpcommander.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY examples/checks examples/policies DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
# For editors, and to begin a check or a policy from.
install(DIRECTORY lua/api lua/checks lua/policies DESTINATION ${CMAKE_INSTALL_DATADIR}/bgpcommander/lua)
