# What is installed: the command, libdunlin with its public headers, and a CMake package:
#   find_package(dunlin REQUIRED)
#   target_link_libraries(app dunlin::dunlin)
include(CMakePackageConfigHelpers)

set(DUNLIN_LAYERS base tensor kernels graph runtime learn fleet)
set(layer_objects)
set(layer_targets)
foreach(layer ${DUNLIN_LAYERS})
  list(APPEND layer_objects $<TARGET_OBJECTS:dunlin_${layer}>)
  list(APPEND layer_targets dunlin_${layer})
endforeach()
add_library(dunlin_shared SHARED ${layer_objects})
add_library(dunlin::dunlin ALIAS dunlin_shared)
set_target_properties(dunlin_shared PROPERTIES
  OUTPUT_NAME dunlin EXPORT_NAME dunlin LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_compile_features(dunlin_shared INTERFACE cxx_std_20)
target_include_directories(dunlin_shared INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# For what the layers themselves link to; their own objects are already here.
target_link_libraries(dunlin_shared PRIVATE ${layer_targets})

install(TARGETS dunlin_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS dunlin_shared EXPORT dunlin LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/dunlin DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT dunlin NAMESPACE dunlin:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dunlin FILE dunlin-config.cmake)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dunlin-config-version.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dunlin-config-version.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dunlin)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)  # the name that Debian looks for

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME dunlin)
set(CPACK_PACKAGE_CONTACT "The Dunlin authors <dunlin@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "dataset-fashion-mnist, graphviz")  # for `dunlin demo` and `inspect --graph`
include(CPack)
