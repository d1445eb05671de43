# The manual page and the shells' completions, printed by the program itself, and where all of it is installed.
include(GNUInstallDirs)
install(TARGETS fairlead RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# install_output(FILE FOLDER WORDS...): what `fairlead WORDS` prints, at install time.
function(install_output file folder)
  string(JOIN " " words ${ARGN})
  install(CODE "
    set(target \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${folder}\")
    file(MAKE_DIRECTORY \"\${target}\")
    separate_arguments(words UNIX_COMMAND \"${words}\")
    execute_process(COMMAND $<TARGET_FILE:fairlead> \${words} OUTPUT_FILE \"\${target}/${file}\" COMMAND_ERROR_IS_FATAL ANY)
    message(STATUS \"Installing: \${target}/${file}\")")
endfunction()
install_output(fairlead.1 ${CMAKE_INSTALL_MANDIR}/man1 man)
install_output(fairlead ${CMAKE_INSTALL_DATADIR}/bash-completion/completions completion bash)
install_output(_fairlead ${CMAKE_INSTALL_DATADIR}/zsh/site-functions completion zsh)
install_output(fairlead.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d completion fish)
