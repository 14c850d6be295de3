# Run by CPack when the files of `cmake --install` are in place: what only the package has, and Debian's forms of the rest.
set(root ${CPACK_TEMPORARY_DIRECTORY})
set(doc ${root}/usr/share/doc/bgpcommander)
set(debian ${CPACK_BC_SOURCE}/src/install/debian)

file(COPY ${CPACK_BC_SOURCE}/src/install/bgpcommander.conf DESTINATION ${root}/etc/bgpcommander
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(COPY ${debian}/copyright DESTINATION ${doc} FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(COPY ${debian}/changelog DESTINATION ${doc} FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(COPY ${debian}/lintian-overrides DESTINATION ${root}/usr/share/lintian/overrides
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(RENAME ${root}/usr/share/lintian/overrides/lintian-overrides ${root}/usr/share/lintian/overrides/bgpcommander)
file(RENAME ${doc}/changelog ${doc}/changelog.Debian)

foreach(shell bash zsh)
  set(bash_file bash-completion/completions/bgpcommander)
  set(zsh_file zsh/vendor-completions/_bgpcommander)
  file(MAKE_DIRECTORY ${root}/usr/share/bash-completion/completions ${root}/usr/share/zsh/vendor-completions)
  execute_process(COMMAND ${root}/usr/bin/bgpcommander completion ${shell} OUTPUT_FILE ${root}/usr/share/${${shell}_file}
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()

file(GLOB_RECURSE pages ${root}/usr/share/man/*.[1-8])
execute_process(COMMAND gzip -9n ${pages} ${doc}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
