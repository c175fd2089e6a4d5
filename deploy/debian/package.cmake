# What `cmake --install` puts where, and the .deb that `cpack` makes of it (in the build's folder:
# cpack -G DEB).
include(GNUInstallDirs)
add_custom_target(programs) # all that is installed, and nothing else
foreach(program tenord tenor tenor-mm tenor-feed tenor-play tenor-sim)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
        add_dependencies(programs ${program})
    endif()
endforeach()
install(FILES deploy/systemd/tenord.service DESTINATION lib/systemd/system)
install(FILES deploy/systemd/tenord.sysusers DESTINATION lib/sysusers.d RENAME tenord.conf)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN decisions EXCLUDE)
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY deploy/prometheus deploy/grafana DESTINATION ${CMAKE_INSTALL_DATADIR}/tenor)
install(DIRECTORY proto DESTINATION ${CMAKE_INSTALL_DATADIR}/tenor)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tenor)
set(CPACK_PACKAGE_CONTACT "The Tenor maintainers <maintainers@tenor.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Networked options exchange: node, client, market maker")
set(CPACK_PACKAGE_DESCRIPTION "tenord runs a node of a sequencer set: it matches options, margins whole portfolios
at every block, and agrees with the others on every state. tenor is the thin client.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/deploy/debian/postinst
    ${PROJECT_SOURCE_DIR}/deploy/debian/prerm ${PROJECT_SOURCE_DIR}/deploy/debian/postrm)
include(CPack)
